//! Keys as they are configured: 32 bytes in base64.

use crate::Keyring;
use anyhow::Context as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// The bytes of a configured key.
#[must_use]
pub fn bytes(text: &SecretString) -> Option<Vec<u8>> {
    STANDARD.decode(text.expose_secret().trim()).ok().filter(|bytes| bytes.len() == crate::aead::KEY)
}

/// Validates a configured key: for `#[garde(custom(sealing::config::key))]`.
///
/// # Errors
/// Fails when it is not 32 bytes in base64.
pub fn key(text: &SecretString, (): &()) -> garde::Result {
    let refused = || garde::Error::new("must be 32 bytes in base64, as `openssl rand -base64 32` makes them");
    bytes(text).map(drop).ok_or_else(refused)
}

/// The keyring of the key in force and the one before it.
pub fn keyring(current: &SecretString, previous: Option<&SecretString>) -> anyhow::Result<Keyring> {
    let keys = [Some(current), previous].into_iter().flatten().map(bytes).collect::<Option<Vec<_>>>();
    Keyring::new(&keys.context("an encryption key is not 32 bytes in base64")?)
}
