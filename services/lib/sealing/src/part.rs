//! Parts of a person, each with a key of its own.

use crate::aead::{self, KEY};
use anyhow::{Context as _, anyhow, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::person::Sealed;
use ring::aead::LessSafeKey;
use ring::hkdf;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What is sealed apart from the rest of a person, because not every service may read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Name, e-mail and telephone number.
    Contact,
    /// The number of an identity document.
    Document,
    /// Where goods go.
    Shipping,
    /// Where invoices go.
    Billing,
    /// Language and time zone.
    Locale,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 5] = [Self::Contact, Self::Document, Self::Shipping, Self::Billing, Self::Locale];

    /// The part's name, from which its key is derived: it never changes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Document => "document",
            Self::Shipping => "shipping",
            Self::Billing => "billing",
            Self::Locale => "locale",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The sub-key of one part of one person: opens that part, and tells nothing of the other keys.
pub struct PartKey {
    /// The id of the data key that it was derived from.
    pub key_id: Uuid,
    /// Whose key it is.
    pub person: Uuid,
    /// What it opens.
    pub part: Part,
    bytes: [u8; KEY],
    key: LessSafeKey,
}

impl PartKey {
    /// Derives the key by HKDF-SHA256 (RFC 5869) without a salt: a data key is random already.
    pub(crate) fn derived(data_key: &[u8; KEY], key_id: Uuid, person: Uuid, part: Part) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(data_key);
        let mut bytes = [0; KEY];
        let info = [b"vitrine sealing 1 ", part.as_str().as_bytes()];
        let expanded = extracted.expand(&info, hkdf::HKDF_SHA256);
        expanded.and_then(|key| key.fill(&mut bytes)).expect("32 bytes are what HKDF-SHA256 gives");
        let key = aead::key(&bytes).expect("the key has 32 bytes");
        Self { key_id, person, part, bytes, key }
    }

    /// Takes a key as it was handed out: 32 bytes in base64.
    pub fn received(person: Uuid, key_id: Uuid, part: Part, key: &str) -> anyhow::Result<Self> {
        let bytes = STANDARD.decode(key).context("a sub-key is not base64")?;
        let bytes: [u8; KEY] = bytes.try_into().map_err(|_| anyhow!("a sub-key is not of 32 bytes"))?;
        Ok(Self { key_id, person, part, bytes, key: aead::key(&bytes)? })
    }

    /// The key itself, in base64, for a service that may have it.
    #[must_use]
    pub fn expose(&self) -> String {
        STANDARD.encode(self.bytes)
    }

    /// Seals the part, as it travels.
    pub fn seal<T: Serialize>(&self, value: &T) -> anyhow::Result<Sealed> {
        let sealed = aead::seal(&self.key, &self.context(), &serde_json::to_vec(value)?)?;
        Ok(Sealed { key_id: self.key_id, sealed: STANDARD.encode(sealed) })
    }

    /// Opens what [`seal`](Self::seal) sealed.
    ///
    /// # Errors
    /// Fails when it is another part, of somebody else, or sealed under another data key: then the key that is named
    /// there must be asked for.
    pub fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> anyhow::Result<T> {
        ensure!(sealed.key_id == self.key_id, "it is sealed under the data key {}", sealed.key_id);
        let bytes = STANDARD.decode(&sealed.sealed).context("a seal is not base64")?;
        Ok(serde_json::from_slice(&aead::open(&self.key, &self.context(), &bytes)?)?)
    }

    fn context(&self) -> Vec<u8> {
        [self.person.as_bytes(), self.part.as_str().as_bytes()].concat()
    }
}
