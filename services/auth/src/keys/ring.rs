//! The keys as one process knows them.

use super::pair::jwk;
use crate::store::signing_keys::Row;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use contracts::rest::auth::{JsonWebKey, JsonWebKeySet, SigningKey, SigningKeys};
use jsonwebtoken::EncodingKey;
use sealing::Keyring;

/// The published keys, newest first.
#[derive(Default)]
pub(super) struct Ring {
    keys: Vec<Held>,
}

struct Held {
    jwk: JsonWebKey,
    signs_from: DateTime<Utc>,
    verifies_until: Option<DateTime<Utc>>,
    /// Gone when the key signs no longer.
    private: Option<EncodingKey>,
}

impl Ring {
    /// Takes rows, newest first, and opens their private keys.
    pub(super) fn open(rows: Vec<Row>, keyring: &Keyring) -> anyhow::Result<Self> {
        let keys = rows.into_iter().map(|row| {
            let private = row.sealed_key.map(|sealed| keyring.open(row.id.as_bytes(), &sealed)).transpose();
            let private =
                private.with_context(|| format!("keys.encryption_key does not open the signing key {}", row.id))?;
            Ok(Held {
                jwk: jwk(&row.id, &row.public_key),
                signs_from: row.signs_from,
                verifies_until: row.verifies_until,
                private: private.map(|bytes| EncodingKey::from_ed_der(&bytes)),
            })
        });
        Ok(Self { keys: keys.collect::<anyhow::Result<_>>()? })
    }

    /// The key that signs at `now`, and its id: the newest whose time has come.
    pub(super) fn signer(&self, now: DateTime<Utc>) -> anyhow::Result<(&str, &EncodingKey)> {
        self.keys
            .iter()
            .filter(|key| key.signs_from <= now)
            .find_map(|key| Some((&*key.jwk.kid, key.private.as_ref()?)))
            .context("no key signs at the moment")
    }

    /// What is published at `now`.
    pub(super) fn set(&self, now: DateTime<Utc>) -> JsonWebKeySet {
        JsonWebKeySet { keys: self.published(now).map(|key| key.jwk.clone()).collect() }
    }

    /// The same, with times, for operators.
    pub(super) fn times(&self, now: DateTime<Utc>) -> SigningKeys {
        let keys = self.published(now).map(|key| SigningKey {
            id: key.jwk.kid.clone(),
            signs_from: key.signs_from,
            verifies_until: key.verifies_until,
        });
        SigningKeys { keys: keys.collect() }
    }

    fn published(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Held> {
        self.keys.iter().filter(move |key| key.verifies_until.is_none_or(|until| until > now))
    }
}
