//! Names of people.

use crate::text::is_blank;
use std::fmt;

/// The longest name, in characters.
const LONGEST: usize = 120;

/// A person's name: 1 to 120 characters on one line, inner white space as single spaces.
#[derive(Clone, PartialEq, Eq)]
pub struct FullName(String);

impl FullName {
    /// Reads a name.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.chars().any(is_deceptive) {
            return Err("must not hold control or formatting characters");
        }
        let name = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match name.chars().count() {
            _ if is_blank(&name) => Err("must not be empty"),
            0..=LONGEST => Ok(Self(name)),
            _ => Err("must have at most 120 characters"),
        }
    }

    /// Takes a name that was parsed before it was stored.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a character could make a name look like something else where it is shown: controls,
/// and overrides of the writing direction.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Shows nothing of the name: it is personal.
impl fmt::Debug for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FullName(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn white_space_is_tidied_and_lengths_are_characters() {
        assert_eq!(FullName::parse("  João   da Silva ").unwrap().as_str(), "João da Silva");
        assert!(FullName::parse(&"ã".repeat(120)).is_ok());
        assert!(FullName::parse(&"ã".repeat(121)).is_err());
    }

    #[test]
    fn empty_and_deceptive_names_are_refused() {
        for text in ["", "   ", "a\nb", "a\u{0}b", "abc\u{202e}cba", "\u{200b}", "\u{2800} \u{ad}"] {
            assert!(FullName::parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_is_short_tidy_and_stays_itself(text in any::<String>()) {
            if let Ok(name) = FullName::parse(&text) {
                prop_assert!((1..=120).contains(&name.as_str().chars().count()));
                prop_assert_eq!(name.as_str().trim(), name.as_str());
                prop_assert_eq!(&FullName::parse(name.as_str()).unwrap(), &name);
            }
        }
    }
}
