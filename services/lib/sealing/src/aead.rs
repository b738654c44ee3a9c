//! AES-256-GCM: nonce, ciphertext, tag.

use anyhow::{Context as _, anyhow};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use uuid::Uuid;

/// The length of a key, in bytes.
pub(crate) const KEY: usize = 32;

pub(crate) fn key(bytes: &[u8]) -> anyhow::Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| anyhow!("a key is not of 32 bytes"))
}

pub(crate) fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no randomness"))?;
    Ok(bytes)
}

/// The additional data of what belongs to a person and to one of several things.
pub(crate) fn pair(person: Uuid, other: Uuid) -> Vec<u8> {
    [person.into_bytes(), other.into_bytes()].concat()
}

pub(crate) fn seal(key: &LessSafeKey, context: &[u8], secret: &[u8]) -> anyhow::Result<Vec<u8>> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut sealed = secret.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
        .map_err(|_| anyhow!("something could not be sealed"))?;
    Ok([&nonce[..], &sealed].concat())
}

pub(crate) fn open(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().context("a seal is cut off")?;
    let mut secret = sealed.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut secret)
        .map_err(|_| anyhow!("a seal is not of this key"))?
        .len();
    secret.truncate(length);
    Ok(secret)
}
