//! Refresh tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

/// The length of a token, in bytes: 256 bits, so that none can be guessed.
const LENGTH: usize = 32;

/// A refresh token. Known to its client alone: we keep its digest.
#[derive(Clone, Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Makes a token from the system's randomness.
    ///
    /// # Panics
    /// Panics when the system has no randomness to give, after which no secret could be trusted.
    pub fn generate() -> Self {
        let mut bytes = [0; LENGTH];
        SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// Reads a token; `None` when it has not the form of our tokens.
    pub fn parse(text: SecretString) -> Option<Self> {
        let decoded = URL_SAFE_NO_PAD.decode(text.expose_secret()).ok()?;
        (decoded.len() == LENGTH).then_some(Self(text))
    }

    /// What is stored of it: SHA-256. A slow hash would add nothing, as there is no dictionary of
    /// random 256-bit values.
    pub fn digest(&self) -> Vec<u8> {
        digest::digest(&digest::SHA256, self.0.expose_secret().as_bytes()).as_ref().to_vec()
    }

    /// The token, for its client.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tokens_differ_and_are_read_back() {
        let (one, other) = (RefreshToken::generate(), RefreshToken::generate());
        assert_ne!(one.expose(), other.expose());
        let read = RefreshToken::parse(one.expose().into()).unwrap();
        assert_eq!(read.digest(), one.digest());
        assert_ne!(read.digest(), other.digest());
        assert!(!format!("{one:?}").contains(one.expose()));
    }

    proptest! {
        #[test]
        fn only_what_has_the_form_is_read(text in any::<String>()) {
            if let Some(token) = RefreshToken::parse(text.into()) {
                prop_assert_eq!(token.expose().len(), 43);
            }
        }
    }
}
