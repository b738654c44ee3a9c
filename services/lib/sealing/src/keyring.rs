//! Configured keys, which wrap others.

use crate::DataKey;
use crate::aead::{self, pair};
use anyhow::{Context as _, anyhow};
use ring::aead::LessSafeKey;
use uuid::Uuid;

/// Seals with the key in force, opens with any.
pub struct Keyring {
    current: LessSafeKey,
    previous: Vec<LessSafeKey>,
}

impl Keyring {
    /// Takes keys of 32 bytes, the one in force first.
    ///
    /// # Errors
    /// Fails when there is none, or one is of another length.
    pub fn new(keys: &[Vec<u8>]) -> anyhow::Result<Self> {
        let (current, previous) = keys.split_first().context("there is no key-encryption key")?;
        let previous = previous.iter().map(|bytes| aead::key(bytes)).collect::<Result<_, _>>()?;
        Ok(Self { current: aead::key(current)?, previous })
    }

    /// Seals a secret that belongs to `context`.
    pub fn seal(&self, context: &[u8], secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        aead::seal(&self.current, context, secret)
    }

    /// Opens what was sealed for `context`.
    ///
    /// # Errors
    /// Fails when no configured key sealed it, or it was sealed for something else.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let opened = keys.find_map(|key| aead::open(key, context, sealed).ok());
        opened.context("no configured key opens it")
    }

    /// Makes the data key of a person, and wraps it.
    pub fn generate(&self, person: Uuid) -> anyhow::Result<(DataKey, Vec<u8>)> {
        let key = DataKey::new(person, Uuid::now_v7(), aead::random()?)?;
        let wrapped = self.seal(&pair(person, key.id), key.bytes())?;
        Ok((key, wrapped))
    }

    /// Unwraps the data key of a person.
    ///
    /// # Errors
    /// Fails when no configured key wrapped it, or it was wrapped for somebody else.
    pub fn unwrap(&self, person: Uuid, id: Uuid, wrapped: &[u8]) -> anyhow::Result<DataKey> {
        let opened = self.open(&pair(person, id), wrapped).with_context(|| format!("the data key {id}"))?;
        let bytes = opened.try_into().map_err(|_| anyhow!("the data key {id} is of another length"))?;
        DataKey::new(person, id, bytes)
    }

    /// Wraps a data key anew if a key before the one in force wrapped it; `None` when nothing is to be done. When this
    /// holds for all data keys, the key before can go.
    ///
    /// # Errors
    /// Fails when no configured key wrapped it, or it was wrapped for somebody else.
    pub fn rewrap(&self, person: Uuid, id: Uuid, wrapped: &[u8]) -> anyhow::Result<Option<Vec<u8>>> {
        let context = pair(person, id);
        if aead::open(&self.current, &context, wrapped).is_ok() {
            return Ok(None);
        }
        self.seal(&context, self.unwrap(person, id, wrapped)?.bytes()).map(Some)
    }
}
