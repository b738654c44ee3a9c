//! Brazilian taxpayers' numbers: CPF of persons, CNPJ of companies.

/// A CPF or CNPJ, without punctuation, letters in capitals.
///
/// The CNPJ is that of July 2026 (Receita Federal, IN RFB 2.229/2024): twelve places of digits and
/// capital letters and two check digits, of which the all-numeric one is a case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Document(String);

/// The places of a CPF, and of a CNPJ.
const CPF: usize = 11;
const CNPJ: usize = 14;

impl Document {
    /// Reads a number, dropping the usual punctuation and regard to case.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bare: String = text.trim().chars().filter(|c| !matches!(c, '.' | '-' | '/' | ' ')).collect();
        let bare = bare.to_ascii_uppercase();
        let (body, check) = match bare.len() {
            CPF if bare.bytes().all(|byte| byte.is_ascii_digit()) => bare.as_bytes().split_at(CPF - 2),
            CNPJ if bare.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) => {
                bare.as_bytes().split_at(CNPJ - 2)
            }
            _ => return Err("must be a CPF or a CNPJ"),
        };
        let first = body.first();
        let is_monotonous = bare.bytes().all(|byte| Some(&byte) == first);
        if is_monotonous || check != check_digits(body) {
            return Err("must have the right check digits");
        }
        Ok(Self(bare))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows no number: it is personal.
impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Document(…)")
    }
}

/// Both check digits: modulo 11 over the values (ASCII − 48), weighted from the right with 2, 3, … –
/// up to 9 and again from 2 for a CNPJ, on to 11 for a CPF.
fn check_digits(body: &[u8]) -> [u8; 2] {
    let highest = if body.len() == CNPJ - 2 { 9 } else { 11 };
    let first = check_digit(body, highest);
    [first, check_digit(&[body, &[first]].concat(), highest)]
}

fn check_digit(places: &[u8], highest: u32) -> u8 {
    let weights = (2..=highest).cycle();
    let sum: u32 = places.iter().rev().zip(weights).map(|(place, weight)| u32::from(place - b'0') * weight).sum();
    match sum % 11 {
        0 | 1 => b'0',
        rest => b'0' + u8::try_from(11 - rest).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::cpf("529.982.247-25", "52998224725")]
    #[case::bare_cpf("11144477735", "11144477735")]
    #[case::cnpj("11.222.333/0001-81", "11222333000181")]
    #[case::cnpj_of_2026("12.ABC.345/01DE-35", "12ABC34501DE35")]
    #[case::in_small_letters(" 12abc34501de35 ", "12ABC34501DE35")]
    fn numbers_are_read(#[case] text: &str, #[case] bare: &str) {
        assert_eq!(Document::parse(text).unwrap().as_str(), bare);
    }

    #[rstest]
    #[case::empty("")]
    #[case::short("5299822472")]
    #[case::between_the_lengths("529982247251")]
    #[case::wrong_cpf("529.982.247-26")]
    #[case::wrong_cnpj("11.222.333/0001-82")]
    #[case::wrong_cnpj_of_2026("12.ABC.345/01DE-36")]
    #[case::letters_in_a_cpf("5299822472A")]
    #[case::letters_as_check_digits("12ABC34501DEAB")]
    #[case::not_ascii("12ÁBC34501DE3")]
    #[case::one_digit_over_and_over("111.111.111-11")]
    #[case::zeros("00000000000000")]
    fn others_are_refused(#[case] text: &str) {
        assert!(Document::parse(text).is_err(), "{text}");
    }

    #[test]
    fn nothing_shows_a_number() {
        assert!(!format!("{:?}", Document::parse("52998224725").unwrap()).contains("529"));
    }

    fn documents() -> impl Strategy<Value = String> {
        prop_oneof!["[0-9]{9}", "[0-9A-Z]{12}"].prop_map(|body| {
            let check = check_digits(body.as_bytes());
            format!("{body}{}", std::str::from_utf8(&check).unwrap())
        })
    }

    proptest! {
        #[test]
        fn numbers_with_their_check_digits_are_read_and_with_others_are_not(
            number in documents(), which in 1_usize..=2, by in 1_u8..10,
        ) {
            prop_assume!(number.bytes().any(|byte| byte != number.as_bytes()[0]));
            prop_assert!(Document::parse(&number).is_ok(), "{}", number);
            let mut changed = number.into_bytes();
            let place = changed.len() - which;
            changed[place] = b'0' + (changed[place] - b'0' + by) % 10;
            prop_assert!(Document::parse(std::str::from_utf8(&changed).unwrap()).is_err());
        }

        #[test]
        fn whatever_comes_reading_never_panics_and_is_idempotent(text in any::<String>()) {
            if let Ok(document) = Document::parse(&text) {
                prop_assert_eq!(&Document::parse(document.as_str()).unwrap(), &document);
            }
        }
    }
}
