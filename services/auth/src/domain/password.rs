//! Passwords: what a new one must be, and what may be tried as one.

use super::Email;
use secrecy::{ExposeSecret, SecretString};

/// The least length of a new password, in characters.
const SHORTEST: usize = 10;
/// The greatest length of a new password, in characters.
const LONGEST: usize = 128;
/// The greatest length of anything that is hashed, in bytes: 128 characters of four bytes.
const MOST_BYTES: usize = 512;

/// Passwords of ten characters or more that head every list of leaked ones, in lower case.
///
/// The length rule keeps out the rest of such lists' heads; one that repeats or counts is caught by [`is_monotonous`].
const WORST: &[&str] = &[
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "p@ssw0rd123",
    "p@ssword123",
    "mypassword",
    "mypassword1",
    "newpassword",
    "changeme123",
    "letmein123",
    "welcome123",
    "welcome1234",
    "iloveyou12",
    "iloveyou123",
    "qwertyuiop",
    "qwertyuiop1",
    "qwerty12345",
    "qwerty123456",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "1qaz2wsx3edc",
    "q1w2e3r4t5",
    "q1w2e3r4t5y6",
    "zaq12wsxcde3",
    "asdfghjkl1",
    "abcd123456",
    "abc1234567",
    "administrator",
    "administrador",
    "superman123",
    "football123",
    "brasil2014",
    "flamengo123",
    "corinthians",
    "senha12345",
    "senha123456",
    "minhasenha",
    "mudar12345",
];

/// A password that may become an account's.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Reads a new password for the account of `email`.
    ///
    /// 10 to 128 characters (not bytes) of any kind; neither the e-mail, nor its part before the
    /// `@`, nor one of the passwords that are tried first. No rules on kinds of characters, as NIST
    /// SP 800-63B, section 5.1.1.2, recommends.
    pub fn parse(text: SecretString, email: &Email) -> Result<Self, &'static str> {
        let exposed = text.expose_secret();
        let length = exposed.chars().count();
        if length < SHORTEST {
            return Err("must have at least 10 characters");
        }
        if length > LONGEST || exposed.len() > MOST_BYTES {
            return Err("must have at most 128 characters");
        }
        let lower = exposed.to_lowercase();
        if lower == email.as_str() || lower == email.local_part() {
            return Err("must not be the e-mail");
        }
        if WORST.contains(&&*lower) || is_monotonous(&lower) {
            return Err("is too common: choose another password");
        }
        Ok(Self(text))
    }

    /// The password, to be tried or hashed.
    pub fn into_candidate(self) -> Candidate {
        Candidate(self.0)
    }
}

/// Whether each character follows from the one before in the same way: `aaaaaaaaaa`, `1234567890`, `zyxwvutsrq`.
fn is_monotonous(text: &str) -> bool {
    let steps = text.chars().zip(text.chars().skip(1)).map(|(one, next)| match (one, next) {
        ('9', '0') => 1,
        ('0', '9') => -1,
        _ => i64::from(u32::from(next)) - i64::from(u32::from(one)),
    });
    let mut steps = steps.peekable();
    let Some(&first) = steps.peek() else { return true };
    first.abs() <= 1 && steps.all(|step| step == first)
}

/// Something that is tried as a password. Rules for new passwords do not apply: they may have been
/// other ones when it was set.
#[derive(Clone, Debug)]
pub struct Candidate(SecretString);

impl Candidate {
    /// Takes what is tried, unless hashing it would be work for nothing.
    pub fn parse(text: SecretString) -> Result<Self, &'static str> {
        match text.expose_secret().len() {
            0 => Err("must not be empty"),
            1..=MOST_BYTES => Ok(Self(text)),
            _ => Err("must have at most 512 bytes"),
        }
    }

    /// The bytes to be hashed.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn parse(text: &str) -> Result<Password, &'static str> {
        Password::parse(text.into(), &Email::parse("comerciante@exemplo.com").unwrap())
    }

    #[rstest]
    #[case::nine_characters("ninechars")]
    #[case::nine_characters_of_many_bytes("ãããããêêêê")]
    #[case::the_email("Comerciante@Exemplo.com")]
    #[case::its_local_part("COMERCIANTE")]
    #[case::a_known_one("Password123")]
    #[case::a_repeated_character("aaaaaaaaaaaa")]
    #[case::counting("1234567890")]
    #[case::counting_down("0987654321")]
    #[case::the_alphabet("abcdefghijkl")]
    fn weak_ones_are_refused(#[case] text: &str) {
        if text.chars().count() == 9 {
            assert_eq!(parse(text).unwrap_err(), "must have at least 10 characters");
        }
        assert!(parse(text).is_err(), "{text}");
    }

    #[test]
    fn lengths_count_characters_and_not_bytes() {
        assert!(parse(&"ãé".repeat(5)).is_ok());
        assert!(parse(&"🦜🌴".repeat(64)).is_ok());
        assert!(parse(&format!("{}x", "🦜🌴".repeat(64))).is_err());
        assert!(parse("correct horse battery staple").is_ok());
    }

    #[test]
    fn every_listed_password_is_one_that_the_length_rule_lets_through() {
        for password in WORST {
            assert!(password.chars().count() >= SHORTEST, "{password} is refused for its length");
            assert_eq!(password.to_lowercase(), *password);
        }
    }

    #[test]
    fn nothing_shows_a_password() {
        let password = parse("correct horse battery").unwrap();
        assert!(!format!("{password:?}").contains("horse"));
        assert!(!format!("{:?}", password.into_candidate()).contains("horse"));
    }

    proptest! {
        #[test]
        fn the_rules_of_length_hold_for_any_text(text in any::<String>()) {
            let length = text.chars().count();
            let accepted = parse(&text).is_ok();
            prop_assert!(!accepted || (10..=128).contains(&length));
        }

        #[test]
        fn whatever_may_be_set_may_be_tried(text in "\\PC{10,128}") {
            if parse(&text).is_ok() {
                prop_assert!(Candidate::parse(text.into()).is_ok());
            }
        }
    }
}
