//! Requests that may come again and must take effect once (ADR 29).

use super::Failure;
use contracts::problem::Code;
use http::HeaderMap;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;
use uuid::Uuid;

/// The longest key, in bytes.
const LONGEST: usize = 255;
/// For how long a key and its answer are kept.
pub const KEPT: Duration = Duration::from_hours(72);

/// The value of an `Idempotency-Key` header: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Reads the header, if the request has one. Two are refused: a service must not guess which one was meant.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong.
    pub fn of(headers: &HeaderMap) -> Option<Result<Self, String>> {
        let mut keys = headers.get_all("idempotency-key").iter();
        match (keys.next(), keys.next()) {
            (Some(_), Some(_)) => Some(Err("must be sent once".to_owned())),
            (key, _) => key.map(|key| Self::parse(key.as_bytes())),
        }
    }

    /// Reads the header of a request that must have one.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong.
    pub fn required(headers: &HeaderMap) -> Result<Self, String> {
        Self::of(headers).unwrap_or_else(|| Err("is required".to_owned()))
    }

    /// Reads a key.
    ///
    /// # Errors
    /// Tells, for a person, what is wrong.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let is_visible = text.iter().all(u8::is_ascii_graphic);
        match std::str::from_utf8(text) {
            Ok(key) if is_visible && (1..=LONGEST).contains(&key.len()) => Ok(Self(key.to_owned())),
            _ => Err(format!("must be 1 to {LONGEST} visible ASCII characters")),
        }
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A request that may come again. Its scope is one user and one operation: the same key elsewhere is another key.
#[derive(Debug, Clone)]
pub struct KeyedRequest {
    /// Whose request it is.
    pub user: Uuid,
    /// What it does, by a name that stays the same for ever: it is part of the row's key.
    pub operation: Cow<'static, str>,
    /// The client's own name for it.
    pub key: IdempotencyKey,
    /// SHA-256 of the body as it was read, which is the same for every spelling of its JSON.
    pub fingerprint: [u8; 32],
}

impl KeyedRequest {
    /// Hashes the body; what the path says of the request belongs to it.
    ///
    /// # Errors
    /// Fails when the body is not JSON.
    pub fn new(
        user: Uuid,
        operation: &'static str,
        key: IdempotencyKey,
        body: &impl Serialize,
    ) -> serde_json::Result<Self> {
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, &serde_json::to_vec(body)?).as_ref());
        Ok(Self { user, operation: operation.into(), key, fingerprint })
    }

    /// Returns one part of a request that is done in several transactions. Each part keeps its own answer, so that the
    /// request, sent again, goes on where it stopped.
    #[must_use]
    pub fn part(&self, number: usize) -> Self {
        Self { operation: format!("{}.{number}", self.operation).into(), ..self.clone() }
    }

    /// Names the request's key among all: `user/operation/key`.
    #[must_use]
    pub fn scope(&self) -> String {
        format!("{}/{}/{}", self.user, self.operation, self.key.as_str())
    }
}

/// What is known of a request: the answer when it came before, nothing when it is new, or why it is refused.
pub type Earlier = Result<Option<Value>, KeyRefused>;

/// Why a request with a key is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// The key came within [`KEPT`] with another body.
    #[error("the key was used with another body")]
    Mismatch,
    /// The first request with the key has not ended.
    #[error("a request with this key is under way")]
    InProgress,
}

impl From<KeyRefused> for Failure {
    fn from(refused: KeyRefused) -> Self {
        match refused {
            KeyRefused::Mismatch => {
                Self::new(Code::IdempotencyMismatch, "This Idempotency-Key was used with another body. Use a new key.")
            }
            KeyRefused::InProgress => Self::new(
                Code::IdempotencyInProgress,
                "The first request with this Idempotency-Key is still running. Try again in a second.",
            )
            .retry_after(Duration::from_secs(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_key() {
        let mut headers = HeaderMap::new();
        assert!(IdempotencyKey::of(&headers).is_none());
        headers.append("idempotency-key", http::HeaderValue::from_static("a"));
        assert!(IdempotencyKey::of(&headers).is_some_and(|key| key.is_ok_and(|key| key.as_str() == "a")));
        headers.append("idempotency-key", http::HeaderValue::from_static("a"));
        assert!(IdempotencyKey::of(&headers).is_some_and(|key| key.is_err()));
    }

    #[test]
    fn only_visible_keys_of_some_length_are_keys() {
        assert!(IdempotencyKey::parse(b"a-1").is_ok() && IdempotencyKey::parse(&[b'x'; 255]).is_ok());
        for bad in [&b""[..], b"a b", b"\xff", &[b'x'; 256]] {
            assert!(IdempotencyKey::parse(bad).is_err());
        }
    }
}
