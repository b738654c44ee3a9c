//! What tells a repeated request from another.

use http::HeaderMap;

/// The longest key, in bytes.
const LONGEST: usize = 255;

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
