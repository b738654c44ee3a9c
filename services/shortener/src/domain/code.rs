//! Short codes.

use percent_encoding::percent_decode_str;
use rand::Rng;
use std::fmt;
use std::hash::Hash;

/// Digits and letters that nobody mistakes for each other: without `0 O o 1 l I`.
const ALPHABET: &[u8; 56] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz";
/// The length of a generated code: 56⁷ ≈ 1.7·10¹² codes.
pub const SHORT: usize = 7;
/// The length of a generated code where [`SHORT`] ones collide again and again.
pub const LONG: usize = 8;
/// The least length of a code of the owner's choice.
const LEAST: usize = 3;
const MOST: usize = 32;

/// Words that are, or may become, addresses of our own; compared without regard to case.
const RESERVED: &[&str] = &[
    "about",
    "account",
    "admin",
    "api",
    "app",
    "apple-touch-icon",
    "assets",
    "auth",
    "billing",
    "batch",
    "bulk",
    "console",
    "dashboard",
    "docs",
    "favicon",
    "graphiql",
    "graphql",
    "health",
    "healthz",
    "help",
    "index",
    "legal",
    "links",
    "live",
    "login",
    "logout",
    "metrics",
    "openapi",
    "operators",
    "privacy",
    "ready",
    "register",
    "robots",
    "security",
    "settings",
    "signin",
    "signup",
    "sitemap",
    "static",
    "stats",
    "status",
    "support",
    "swagger",
    "terms",
    "users",
    "vitrine",
    "well-known",
    "www",
];

/// The code under which a link is reached: 3 to 32 of `A-Z a-z 0-9 _ -`. Case matters.
///
/// It is stored in place, so that a lookup allocates nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortCode {
    bytes: [u8; MOST],
    length: u8,
}

/// Why a text is not an acceptable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too short or too long.
    #[error("must have {LEAST} to {MOST} characters")]
    Length,
    /// A character that is not allowed.
    #[error("may hold only A-Z, a-z, 0-9, _ and -")]
    Character,
    /// An address of our own.
    #[error("is a reserved word")]
    Reserved,
}

impl ShortCode {
    /// Reads a code that may exist: checks its form. Fails when the text cannot be a code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let source = text.as_bytes();
        if !(LEAST..=MOST).contains(&source.len()) {
            return Err(CodeError::Length);
        }
        if !source.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            return Err(CodeError::Character);
        }
        let mut bytes = [0; MOST];
        bytes[..source.len()].copy_from_slice(source);
        Ok(Self { bytes, length: source.len() as u8 })
    }

    /// Reads a code as it stands in an address: a percent-encoded character that needs no encoding is that character
    /// (RFC 3986, 6.2.2.2). Fails when the text cannot be a code.
    pub fn from_path(segment: &str) -> Result<Self, CodeError> {
        let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| CodeError::Character)?;
        Self::parse(&decoded)
    }

    /// Reads a code of an owner's choice: checks its form and that it is not reserved. Fails when the text is not an
    /// acceptable code.
    pub fn choose(text: &str) -> Result<Self, CodeError> {
        let code = Self::parse(text)?;
        let is_version =
            text.len() <= 4 && text.starts_with(['v', 'V']) && text[1..].bytes().all(|byte| byte.is_ascii_digit());
        let is_reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is_reserved || is_version { Err(CodeError::Reserved) } else { Ok(code) }
    }

    /// Makes a code of `length` characters that cannot be guessed. Never a reserved word: those
    /// of 7 or 8 letters all hold one that the alphabet lacks, or are drawn again.
    pub fn generate(length: usize) -> Self {
        let mut random = rand::rng();
        loop {
            let mut bytes = [0; MOST];
            for byte in &mut bytes[..length] {
                *byte = ALPHABET[random.random_range(0..ALPHABET.len())];
            }
            let code = Self { bytes, length: length as u8 };
            if Self::choose(code.as_str()).is_ok() {
                return code;
            }
        }
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl fmt::Debug for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortCode({})", self.as_str())
    }
}

impl fmt::Display for ShortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn the_alphabet_has_56_different_unambiguous_characters() {
        let set: HashSet<_> = ALPHABET.iter().collect();
        assert_eq!(set.len(), 56);
        assert!(b"0Oo1lI".iter().all(|byte| !set.contains(byte)));
    }

    #[test]
    fn our_own_addresses_cannot_be_chosen() {
        for word in ["health", "Metrics", "API", "graphql", "v12", "V1x"] {
            let refused = ShortCode::choose(word) == Err(CodeError::Reserved);
            assert_eq!(refused, word != "V1x", "{word}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_reads_back(text in "[A-Za-z0-9_-]{3,32}") {
            let code = ShortCode::parse(&text).unwrap();
            prop_assert_eq!(code.as_str(), &text);
            prop_assert_eq!(code, ShortCode::parse(&text).unwrap());
        }

        #[test]
        fn nothing_else_parses(text in "\\PC{0,40}") {
            let is_well_formed = (3..=32).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
            prop_assert_eq!(ShortCode::parse(&text).is_ok(), is_well_formed);
        }

        #[test]
        fn generated_codes_can_be_chosen(length in prop_oneof![Just(SHORT), Just(LONG)]) {
            let code = ShortCode::generate(length);
            prop_assert_eq!(code.as_str().len(), length);
            prop_assert_eq!(ShortCode::choose(code.as_str()), Ok(code));
        }
    }
}
