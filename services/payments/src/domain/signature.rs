//! The provider's signature of a webhook: `t=<unix seconds>,v1=<hex HMAC-SHA256 of t + "." + body>`.

use ring::hmac;

/// A signature, read and not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    time: i64,
    tag: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// It is none, or not of this body by this secret.
    Bad,
    /// It is good, and too far from now.
    TooOld,
}

impl Signature {
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (mut time, mut tag) = (None, None);
        for part in header.split(',') {
            match part.trim().split_once('=')? {
                ("t", value) => time = Some(value.parse().ok()?),
                ("v1", value) => tag = Some(unhex(value)?),
                // Later versions may stand beside.
                _ => {}
            }
        }
        Some(Self { time: time?, tag: tag? })
    }

    /// Verifies that the holder of `secret` signed `body` at most `tolerance` seconds from `now`. Takes as long for
    /// every wrong tag. Tells what is wrong. The age of a forged signature is not told.
    pub fn verify(&self, secret: &[u8], body: &[u8], now: i64, tolerance: u32) -> Result<(), SignatureError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let signed = [self.time.to_string().as_bytes(), b".", body].concat();
        hmac::verify(&key, &signed, &self.tag).map_err(|_| SignatureError::Bad)?;
        if self.time.abs_diff(now) > u64::from(tolerance) { Err(SignatureError::TooOld) } else { Ok(()) }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf '100.{}' | openssl dgst -sha256 -hmac secret`
    const TAG: &str = "8e1a45bf4cb0f06fc9070524ebc7719df42e3abca9ada83da0314a32a75bbc62";

    fn sign(secret: &[u8], time: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, &[time.to_string().as_bytes(), b".", body].concat());
        let hex = hex::encode(tag);
        format!("t={time},v1={hex}")
    }

    #[test]
    fn only_the_holder_of_the_secret_signs_and_only_for_a_while() {
        let header = sign(b"secret", 100, b"{}");
        assert_eq!(header, format!("t=100,v1={TAG}"));
        let signature = Signature::parse(&header).unwrap();
        assert_eq!(signature.verify(b"secret", b"{}", 100, 5), Ok(()));
        assert_eq!(signature.verify(b"secret", b"{}", 105, 5), Ok(()));
        assert_eq!(signature.verify(b"secret", b"{}", 106, 5), Err(SignatureError::TooOld));
        assert_eq!(signature.verify(b"secret", b"{}", 94, 5), Err(SignatureError::TooOld));
        assert_eq!(signature.verify(b"secret", b"{ }", 100, 5), Err(SignatureError::Bad));
        assert_eq!(signature.verify(b"Secret", b"{}", 100, 5), Err(SignatureError::Bad));
        let moved = Signature::parse(&header.replace("t=100", "t=101")).unwrap();
        assert_eq!(moved.verify(b"secret", b"{}", 100, 5), Err(SignatureError::Bad));
        for none in ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=0", "t=1,v1=zz", "nonsense"] {
            assert_eq!(Signature::parse(none), None, "{none}");
        }
    }
}
