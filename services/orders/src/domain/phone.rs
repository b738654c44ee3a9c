//! Telephone numbers.

use super::card;

/// A telephone number in the form of E.164: `+` and 8 to 15 digits, the first of which is not 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Reads a number, dropping blanks, hyphens, dots and parentheses. A zero in parentheses is dropped, too: it is
    /// dialled within the country only, as in `+44 (0)20 7946 0958`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let is_punctuation = |c: char| matches!(c, ' ' | '-' | '.' | '(' | ')');
        let text = text.replace("(0)", "");
        let bare: String = text.trim().chars().filter(|c| !is_punctuation(*c)).collect();
        let digits = bare.strip_prefix('+').ok_or("must begin with + and the country's code")?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
        if !is_number || !(8..=15).contains(&digits.len()) {
            return Err("must be a telephone number of 8 to 15 digits");
        }
        Ok(Self(bare))
    }

    /// The number, with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it could as well be a card's: one in ten telephone numbers of 13 digits passes Luhn's
    /// check, so only the beginnings and lengths that networks give out count (Diners, Amex).
    #[must_use]
    pub fn could_be_a_card(&self) -> bool {
        let digits = self.0.trim_start_matches('+');
        let is_networks = match digits.len() {
            14 => ["30", "36", "38", "39"].iter().any(|first| digits.starts_with(first)),
            15 => ["34", "37"].iter().any(|first| digits.starts_with(first)),
            _ => false,
        };
        is_networks && card::is_in(digits)
    }
}

/// Shows no number: it is personal.
impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phone(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("+55 (11) 98765-4321", "+5511987654321")]
    #[case("+351.912.345.678", "+351912345678")]
    #[case("+44 (0)20 7946 0958", "+442079460958")]
    fn numbers_are_read(#[case] text: &str, #[case] bare: &str) {
        assert_eq!(Phone::parse(text).unwrap().as_str(), bare);
    }

    #[rstest]
    #[case("")]
    #[case("11987654321")]
    #[case("+0511987654321")]
    #[case("+5511")]
    #[case("+1234567890123456")]
    #[case("+55 11 9876A-4321")]
    #[case("++5511987654321")]
    fn others_are_refused(#[case] text: &str) {
        assert!(Phone::parse(text).is_err(), "{text}");
    }

    #[test]
    fn a_card_s_number_with_a_plus_is_told_from_a_telephone_s() {
        assert!(Phone::parse("+378282246310005").unwrap().could_be_a_card());
        // Passes Luhn's check, as one Brazilian number in ten.
        assert!(card::is_in("5511900000010"));
        assert!(!Phone::parse("+5511900000010").unwrap().could_be_a_card());
    }

    proptest! {
        #[test]
        fn whatever_comes_reading_never_panics_and_is_idempotent(text in any::<String>()) {
            if let Ok(phone) = Phone::parse(&text) {
                prop_assert_eq!(&Phone::parse(phone.as_str()).unwrap(), &phone);
            }
        }
    }
}
