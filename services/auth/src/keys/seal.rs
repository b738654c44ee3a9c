//! Private keys at rest: AES-256-GCM under a configured key-encryption key.

use anyhow::{Context as _, anyhow};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};

/// Seals with the first key, opens with any.
pub(super) struct Sealer {
    keys: Vec<LessSafeKey>,
}

impl Sealer {
    /// Takes key-encryption keys of 32 bytes, the one in force first.
    pub(super) fn new(keys: &[Vec<u8>]) -> anyhow::Result<Self> {
        let keys = keys.iter().map(|bytes| UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new));
        let keys = keys.collect::<Result<Vec<_>, _>>();
        let keys = keys.map_err(|_| anyhow!("a key-encryption key is not of 32 bytes"))?;
        anyhow::ensure!(!keys.is_empty(), "there is no key-encryption key");
        Ok(Self { keys })
    }

    /// Seals `secret` for the signing key `id`: a random nonce, the ciphertext, the tag.
    ///
    /// Nonces are random: with one sealing per rotation, a repeat within 2^32 sealings is out of reach.
    pub(super) fn seal(&self, id: &str, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| anyhow!("the system gives no randomness"))?;
        let key = self.keys.first().context("there is no key-encryption key")?;
        let mut sealed = secret.to_vec();
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(id), &mut sealed)
            .map_err(|_| anyhow!("a signing key could not be sealed"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what was sealed for the signing key `id`: not what was sealed for another.
    pub(super) fn open(&self, id: &str, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).context("a sealed key is cut off")?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().context("a nonce has another length")?;
        self.keys
            .iter()
            .find_map(|key| {
                let mut secret = sealed.to_vec();
                let nonce = Nonce::assume_unique_for_key(nonce);
                let length = key.open_in_place(nonce, Aad::from(id), &mut secret).ok()?.len();
                secret.truncate(length);
                Some(secret)
            })
            .with_context(|| format!("keys.encryption_key does not open the signing key {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer::new(&keys.iter().map(|byte| vec![*byte; 32]).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_and_looks_different_each_time() {
        let sealer = sealer(&[1]);
        let (one, other) = (sealer.seal("k", b"secret").unwrap(), sealer.seal("k", b"secret").unwrap());
        assert_ne!(one, other);
        assert_eq!(sealer.open("k", &one).unwrap(), b"secret");
        assert!(!one.windows(6).any(|window| window == b"secret"));
    }

    #[test]
    fn another_key_another_id_and_changed_bytes_are_refused() {
        let mut sealed = sealer(&[1]).seal("k", b"secret").unwrap();
        assert!(sealer(&[2]).open("k", &sealed).is_err());
        assert!(sealer(&[1]).open("other", &sealed).is_err());
        assert!(sealer(&[1]).open("k", &sealed[..5]).is_err());
        sealed[NONCE_LEN] ^= 1;
        assert!(sealer(&[1]).open("k", &sealed).is_err());
    }

    #[test]
    fn the_key_before_opens_and_no_longer_seals() {
        let old = sealer(&[1]).seal("k", b"secret").unwrap();
        assert_eq!(sealer(&[2, 1]).open("k", &old).unwrap(), b"secret");
        let new = sealer(&[2, 1]).seal("k", b"secret").unwrap();
        assert!(sealer(&[1]).open("k", &new).is_err());
    }
}
