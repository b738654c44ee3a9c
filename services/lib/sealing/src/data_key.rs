//! The key of one person.

use crate::aead::{self, KEY, pair};
use crate::{Part, PartKey};
use anyhow::Context as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::person::Sealed;
use ring::aead::LessSafeKey;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A person's data key.
///
/// Nonces are random: far fewer than 2^32 seals are made under one person's key.
pub struct DataKey {
    /// The key's id.
    pub id: Uuid,
    /// Whose key it is.
    pub person: Uuid,
    bytes: [u8; KEY],
    key: LessSafeKey,
}

impl DataKey {
    pub(crate) fn new(person: Uuid, id: Uuid, bytes: [u8; KEY]) -> anyhow::Result<Self> {
        Ok(Self { id, person, bytes, key: aead::key(&bytes)? })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sub-key of a part of the person.
    #[must_use]
    pub fn part(&self, part: Part) -> PartKey {
        PartKey::derived(&self.bytes, self.id, self.person, part)
    }

    /// Seals what is personal: nonce, ciphertext, tag.
    pub fn seal<T: Serialize>(&self, value: &T) -> anyhow::Result<Vec<u8>> {
        aead::seal(&self.key, self.person.as_bytes(), &serde_json::to_vec(value)?)
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// Fails when it was sealed by another key, or for another person.
    pub fn open<T: DeserializeOwned>(&self, sealed: &[u8]) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&aead::open(&self.key, self.person.as_bytes(), sealed)?)?)
    }

    /// Like [`seal`](Self::seal), for one thing of the person's among several.
    pub fn seal_item<T: Serialize>(&self, item: Uuid, value: &T) -> anyhow::Result<Vec<u8>> {
        aead::seal(&self.key, &pair(self.person, item), &serde_json::to_vec(value)?)
    }

    /// Opens what [`seal_item`](Self::seal_item) sealed.
    ///
    /// # Errors
    /// Fails when it was sealed by another key, or as another thing.
    pub fn open_item<T: DeserializeOwned>(&self, item: Uuid, sealed: &[u8]) -> anyhow::Result<T> {
        Ok(serde_json::from_slice(&aead::open(&self.key, &pair(self.person, item), sealed)?)?)
    }

    /// The key itself, in base64, as a unit gets it that may open everything of the person.
    #[must_use]
    pub fn expose(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// What [`seal`](Self::seal) made, as it travels.
    #[must_use]
    pub fn travelling(&self, sealed: &[u8]) -> Sealed {
        Sealed { key_id: self.id, sealed: STANDARD.encode(sealed) }
    }

    /// What [`travelling`](Self::travelling) was made of.
    pub fn arrived(&self, sealed: &Sealed) -> anyhow::Result<Vec<u8>> {
        STANDARD.decode(&sealed.sealed).context("a seal is not base64")
    }
}
