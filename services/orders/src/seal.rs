//! Customers' data keys: made, wrapped, and sealing what is personal (AES-256-GCM).

use anyhow::{Context as _, anyhow};
use base64::{Engine, engine::general_purpose::STANDARD};
use contracts::person::Sealed;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand::{SecureRandom, SystemRandom},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// The length of a key, in bytes.
const KEY: usize = 32;

/// Wraps data keys with the first configured key, unwraps them with any.
pub struct Keyring {
    keys: Vec<LessSafeKey>,
}

/// A customer's data key.
///
/// Nonces are random: far fewer than 2^32 seals are made under one customer's key.
pub struct DataKey {
    /// The key's id.
    pub id: Uuid,
    /// Whose key it is.
    pub customer_id: Uuid,
    bytes: [u8; KEY],
    key: LessSafeKey,
}

impl Keyring {
    /// Takes wrapping keys of 32 bytes, the one in force first.
    ///
    /// # Errors
    /// Fails when there is none, or one is of another length.
    pub fn new(keys: &[Vec<u8>]) -> anyhow::Result<Self> {
        let keys = keys.iter().map(|bytes| aead(bytes)).collect::<Result<Vec<_>, _>>()?;
        anyhow::ensure!(!keys.is_empty(), "there is no key that wraps customers' keys");
        Ok(Self { keys })
    }

    /// Makes a customer's key, and wraps it.
    ///
    /// # Errors
    /// Fails when the system gives no randomness.
    pub fn generate(&self, customer_id: Uuid) -> anyhow::Result<(DataKey, Vec<u8>)> {
        let mut bytes = [0; KEY];
        SystemRandom::new().fill(&mut bytes).map_err(|_| anyhow!("the system gives no randomness"))?;
        let key = DataKey { id: Uuid::now_v7(), customer_id, bytes, key: aead(&bytes)? };
        let first = self.keys.first().context("there is no key that wraps customers' keys")?;
        let wrapped = seal(first, &context(customer_id, key.id), &bytes)?;
        Ok((key, wrapped))
    }

    /// Unwraps a customer's key.
    ///
    /// # Errors
    /// Fails when no configured key wrapped it, or it was wrapped for another customer.
    pub fn unwrap(&self, customer_id: Uuid, id: Uuid, wrapped: &[u8]) -> anyhow::Result<DataKey> {
        let context = context(customer_id, id);
        let opened = self.keys.iter().find_map(|key| open(key, &context, wrapped).ok());
        let opened = opened.with_context(|| format!("customers.encryption_key does not open the data key {id}"))?;
        let bytes: [u8; KEY] = opened.try_into().map_err(|_| anyhow!("the data key {id} is of another length"))?;
        Ok(DataKey { id, customer_id, bytes, key: aead(&bytes)? })
    }
}

impl DataKey {
    /// The key itself, in base64, for a unit that may have it.
    #[must_use]
    pub fn expose(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// Seals what is personal of the customer: nonce, ciphertext, tag.
    ///
    /// # Errors
    /// Fails when it cannot be written as JSON.
    pub fn seal<T: Serialize>(&self, value: &T) -> anyhow::Result<Vec<u8>> {
        seal(&self.key, self.customer_id.as_bytes(), &serde_json::to_vec(value)?)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// Fails when it was sealed by another key, or for another customer.
    pub fn open<T: DeserializeOwned>(&self, sealed: &[u8]) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&open(&self.key, self.customer_id.as_bytes(), sealed)?)?)
    }

    /// Like [`seal`](Self::seal), for one thing of the customer's among several.
    ///
    /// # Errors
    /// Fails when it cannot be written as JSON.
    pub fn seal_part<T: Serialize>(&self, part: Uuid, value: &T) -> anyhow::Result<Vec<u8>> {
        seal(&self.key, &context(self.customer_id, part), &serde_json::to_vec(value)?)
    }

    /// Opens what [`seal_part`](Self::seal_part) sealed.
    ///
    /// # Errors
    /// Fails when it was sealed by another key, or as another part.
    pub fn open_part<T: DeserializeOwned>(&self, part: Uuid, sealed: &[u8]) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&open(&self.key, &context(self.customer_id, part), sealed)?)?)
    }

    /// What [`seal`](Self::seal) made, as it travels.
    #[must_use]
    pub fn travelling(&self, sealed: &[u8]) -> Sealed {
        Sealed { key_id: self.id, sealed: STANDARD.encode(sealed) }
    }

    /// What [`travelling`](Self::travelling) was made of.
    ///
    /// # Errors
    /// Fails when it is not base64.
    pub fn arrived(&self, sealed: &Sealed) -> anyhow::Result<Vec<u8>> {
        STANDARD.decode(&sealed.sealed).context("a seal is not base64")
    }
}

fn context(customer_id: Uuid, part: Uuid) -> Vec<u8> {
    [customer_id.into_bytes(), part.into_bytes()].concat()
}

fn aead(bytes: &[u8]) -> anyhow::Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, bytes).map(LessSafeKey::new).map_err(|_| anyhow!("a key is not of 32 bytes"))
}

fn seal(key: &LessSafeKey, context: &[u8], secret: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| anyhow!("the system gives no randomness"))?;
    let mut sealed = secret.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed)
        .map_err(|_| anyhow!("something could not be sealed"))?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).context("a seal is cut off")?;
    let nonce: [u8; NONCE_LEN] = nonce.try_into().context("a nonce has another length")?;
    let mut secret = sealed.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut secret)
        .map_err(|_| anyhow!("a seal is not of this key"))?
        .len();
    secret.truncate(length);
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(keys: &[u8]) -> Keyring {
        Keyring::new(&keys.iter().map(|byte| vec![*byte; KEY]).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_unwrapped_key_and_by_no_other() {
        let (ring, ana, rui) = (keyring(&[1]), Uuid::from_u128(1), Uuid::from_u128(2));
        let (key, wrapped) = ring.generate(ana).unwrap();
        let sealed = key.seal(&"ana@exemplo.com").unwrap();
        assert!(!sealed.windows(3).any(|window| window == b"ana"));
        let again = ring.unwrap(ana, key.id, &wrapped).unwrap();
        assert_eq!(again.open::<String>(&sealed).unwrap(), "ana@exemplo.com");
        assert!(ring.unwrap(rui, key.id, &wrapped).is_err());
        assert!(keyring(&[2]).unwrap(ana, key.id, &wrapped).is_err());
        let (other, _) = ring.generate(ana).unwrap();
        assert!(other.open::<String>(&sealed).is_err());
        assert!(again.open::<String>(&sealed[..5]).is_err());
    }

    #[test]
    fn a_part_is_opened_as_itself_only() {
        let (key, _) = keyring(&[1]).generate(Uuid::from_u128(1)).unwrap();
        let sealed = key.seal_part(Uuid::from_u128(7), &1).unwrap();
        assert_eq!(key.open_part::<i32>(Uuid::from_u128(7), &sealed).unwrap(), 1);
        assert!(key.open_part::<i32>(Uuid::from_u128(8), &sealed).is_err());
        assert!(key.open::<i32>(&sealed).is_err());
    }

    #[test]
    fn the_wrapping_key_before_unwraps_and_no_longer_wraps() {
        let id = Uuid::from_u128(1);
        let (key, old) = keyring(&[1]).generate(id).unwrap();
        assert!(keyring(&[2, 1]).unwrap(id, key.id, &old).is_ok());
        let (key, new) = keyring(&[2, 1]).generate(id).unwrap();
        assert!(keyring(&[1]).unwrap(id, key.id, &new).is_err());
    }

    #[test]
    fn a_seal_opens_as_the_contract_says() {
        let (key, _) = keyring(&[1]).generate(Uuid::from_u128(1)).unwrap();
        let travelling = key.travelling(&key.seal(&"x").unwrap());
        let (bytes, raw) = (STANDARD.decode(key.expose()).unwrap(), STANDARD.decode(travelling.sealed).unwrap());
        let (nonce, rest) = raw.split_at(12);
        let mut rest = rest.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce.try_into().unwrap());
        let opened = aead(&bytes).unwrap();
        let opened = opened.open_in_place(nonce, Aad::from(Uuid::from_u128(1).as_bytes()), &mut rest).unwrap();
        assert_eq!(opened, b"\"x\"");
    }
}
