//! Card numbers, which nothing here may hold: finding them in any text.

/// The lengths of card numbers (ISO/IEC 7812-1).
const LENGTHS: std::ops::RangeInclusive<usize> = 13..=19;

/// What is said of a field that holds one.
pub const REFUSED: &str = "must not hold a card number: only the payment provider may have it";

/// Whether `text` contains a card number: 13 to 19 digits that pass Luhn's check, in one group or in
/// several that are parted by blanks, punctuation or the like.
///
/// Only whole groups are put together, so that what follows a number (a month, a code) does not hide
/// it; within a group that is longer than any card number, every part of it is tried.
#[must_use]
pub fn is_in(text: &str) -> bool {
    runs(text).iter().any(|groups| run_holds_one(groups))
}

/// Whether `text` is a card number and nothing else but blanks, punctuation or the like.
#[must_use]
pub fn is_one(text: &str) -> bool {
    text.chars().all(|character| digit(character).is_some() || is_separator(character)) && is_in(text)
}

fn run_holds_one(groups: &[Vec<u8>]) -> bool {
    groups.iter().enumerate().any(|(start, first)| {
        if first.len() > *LENGTHS.end() {
            return { LENGTHS }.any(|length| first.windows(length).any(passes_luhn));
        }
        let mut digits = Vec::new();
        groups[start..].iter().any(|group| {
            digits.extend_from_slice(group);
            LENGTHS.contains(&digits.len()) && passes_luhn(&digits)
        })
    })
}

/// Runs of groups of digits that only separators part.
fn runs(text: &str) -> Vec<Vec<Vec<u8>>> {
    let (mut runs, mut run, mut group) = (Vec::new(), Vec::new(), Vec::new());
    for character in text.chars() {
        if let Some(digit) = digit(character) {
            group.push(digit);
            continue;
        }
        if !group.is_empty() {
            run.push(std::mem::take(&mut group));
        }
        if !is_separator(character) && !run.is_empty() {
            runs.push(std::mem::take(&mut run));
        }
    }
    run.extend((!group.is_empty()).then_some(group));
    runs.extend((!run.is_empty()).then_some(run));
    runs
}

/// ASCII digits, and the full-width ones of Asian keyboards.
fn digit(character: char) -> Option<u8> {
    let ascii = match character {
        '０'..='９' => char::from_u32(u32::from(character) - u32::from('０') + u32::from('0'))?,
        other => other,
    };
    ascii.to_digit(10).and_then(|digit| u8::try_from(digit).ok())
}

fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || character.is_ascii_punctuation()
        || matches!(character, '\u{200b}'..='\u{200d}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Luhn's check (ISO/IEC 7812-1, annex B); all zeros are no number.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, &digit)| match (place % 2, u32::from(digit) * 2) {
            (0, _) => u32::from(digit),
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    sum > 0 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::plain("4111111111111111")]
    #[case::blanks("4111 1111 1111 1111")]
    #[case::hyphens("5555-5555-5555-4444")]
    #[case::odd_separators("4111\u{a0}1111\u{2013}1111.1111")]
    #[case::amex("3782 822463 10005")]
    #[case::diners("30569309025904")]
    #[case::in_a_sentence("my card is 4111 1111 1111 1111, thanks")]
    #[case::with_expiry_and_code("4111 1111 1111 1111 12 29 123")]
    #[case::after_a_house_number("12 4111111111111111")]
    #[case::between_letters("tok_4111111111111111x")]
    #[case::in_a_long_group("0000004111111111111111000")]
    #[case::full_width("４１１１１１１１１１１１１１１１")]
    fn card_numbers_are_found(#[case] text: &str) {
        assert!(is_in(text), "{text}");
    }

    #[rstest]
    #[case::empty("")]
    #[case::wrong_check_digit("4111111111111112")]
    #[case::too_short("411111111111")]
    #[case::zeros("0000000000000000")]
    #[case::parted_by_more_than_a_separator("4111 1111 x 1111 1111")]
    #[case::address("Rua 25 de Março, 1234, 01021-000")]
    #[case::token("tok_1Nv0FGQ9RKHgCVdK")]
    #[case::token_with_last_four("tok_visa_ok_4111")]
    #[case::date_and_time("2026-11-21, 14:35")]
    fn other_texts_are_left_alone(#[case] text: &str) {
        assert!(!is_in(text), "{text}");
    }

    #[test]
    fn all_ascii_punctuation_parts_groups() {
        for separator in ('!'..='~').filter(char::is_ascii_punctuation) {
            let text = ["4111", "1111", "1111", "1111"].join(&separator.to_string());
            assert!(is_in(&text), "{text}");
        }
    }

    #[test]
    fn one_and_nothing_else_is_told_from_one_in_a_text() {
        assert!(is_one("4111/1111/1111/1111"));
        for other in ["tok_4111111111111111", "4111-1111", "--", ""] {
            assert!(!is_one(other), "{other}");
        }
    }

    fn number() -> impl Strategy<Value = String> {
        proptest::collection::vec(0_u8..10, 12..=18).prop_filter_map("all zeros", |mut digits| {
            let check = (0..10).find(|check| passes_luhn(&[&digits[..], &[*check]].concat()))?;
            digits.push(check);
            Some(digits.iter().map(ToString::to_string).collect())
        })
    }

    proptest! {
        #[test]
        fn every_number_is_found_however_it_is_grouped_and_wherever_it_stands(
            number in number(), group in 1_usize..6, separator in "[ .-]", before in "[a-z ,]{0,9}", after in "[a-z ,]{0,9}",
        ) {
            let groups: Vec<_> = number.as_bytes().chunks(group).map(|part| std::str::from_utf8(part).unwrap()).collect();
            let text = format!("{before}{}{after}", groups.join(&separator));
            prop_assert!(is_in(&text), "{}", text);
        }

        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = is_in(&text);
        }
    }
}
