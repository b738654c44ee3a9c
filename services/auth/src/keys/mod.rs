//! The keys that sign access tokens: made, rotated with overlap, published, and destroyed.
//!
//! The life of a key: **published** (verifiers get to know it) → **signs**, from `publish_ahead`
//! after it was made → **verifies**, from when its successor signs, as long as a token of it may live
//! → gone. Its private half is destroyed as soon as no process signs with it any more. All processes
//! share the keys through the database; each reads them again every `reload_seconds`.

mod pair;
mod ring;

use self::ring::Ring;
use crate::error::Error;
use crate::store::signing_keys::{self, Row};
use crate::{config, metrics as names};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use chassis::jwt::LocalKeys;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::rest::auth::{JsonWebKeySet, SigningKeys};
use jsonwebtoken::{Algorithm, Header};
use pair::NewKey;
use postgres::Db;
use sealing::Keyring;
use serde::Serialize;
use sqlx::PgConnection;
use std::sync::Arc;

/// For how long a process may still sign with a key after another began with its successor: at most
/// a minute until it reads the keys again, and the rest for clocks that differ.
const HANDOVER: TimeDelta = TimeDelta::minutes(2);
/// What verifiers add to a token's life, rounded up.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// The keys. Clones are the same keys.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    keyring: Keyring,
    ring: ArcSwap<Ring>,
    local: LocalKeys,
    rotate_after: TimeDelta,
    publish_ahead: TimeDelta,
    token_life: TimeDelta,
}

impl Keys {
    /// Reads the keys; makes the first if the table is empty.
    pub async fn open(db: Db, config: &config::Keys, tokens: &config::Tokens) -> anyhow::Result<Self> {
        let inner = Inner {
            db,
            keyring: sealing::config::keyring(&config.encryption_key, config.previous_encryption_key.as_ref())?,
            ring: ArcSwap::default(),
            local: LocalKeys::default(),
            rotate_after: TimeDelta::hours(config.rotate_after_hours.into()),
            publish_ahead: TimeDelta::seconds(config.publish_ahead_seconds.into()),
            token_life: tokens.longest(),
        };
        let keys = Self { inner: Arc::new(inner) };
        keys.keep_up(Utc::now()).await?;
        Ok(keys)
    }

    /// The public keys for this process's own verifier; they follow every change.
    pub fn local(&self) -> LocalKeys {
        self.inner.local.clone()
    }

    /// What verifiers fetch. Needs no database.
    pub fn published(&self) -> JsonWebKeySet {
        self.inner.ring.load().set(Utc::now())
    }

    /// Signs an access token (EdDSA, with the key's id in its header). Fails when there is no key, which only happens
    /// when a clock ran backwards for days.
    pub fn sign(&self, claims: &impl Serialize) -> anyhow::Result<String> {
        let ring = self.inner.ring.load();
        let (id, key) = ring.signer(Utc::now())?;
        let header = Header { kid: Some(id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, key).context("an access token could not be signed")
    }

    /// Makes a successor to the newest key, and tells what is published then.
    pub async fn rotate(&self) -> Result<SigningKeys, Error> {
        let now = Utc::now();
        let mut tx = self.inner.db.begin().await?;
        signing_keys::lock(&mut tx).await?;
        let newest = signing_keys::newest(&mut tx).await?;
        self.succeed(&mut tx, newest, now).await?;
        tx.commit().await?;
        self.reload(now).await?;
        Ok(self.inner.ring.load().times(now))
    }

    /// Does what is due at `now`: makes the first key, or a successor to one that is old; destroys
    /// what has served; reads the keys again.
    pub async fn keep_up(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let mut tx = self.inner.db.begin().await?;
        signing_keys::lock(&mut tx).await?;
        let newest = signing_keys::newest(&mut tx).await?;
        if newest.as_ref().is_none_or(|key| key.created_at + self.inner.rotate_after <= now) {
            self.succeed(&mut tx, newest, now).await?;
        }
        signing_keys::destroy_private(&mut tx, now).await?;
        signing_keys::remove(&mut tx, now).await?;
        tx.commit().await?;
        self.reload(now).await
    }

    async fn succeed(&self, tx: &mut PgConnection, newest: Option<Row>, now: DateTime<Utc>) -> Result<(), Error> {
        // The first key signs at once: nobody has a key set without it. A successor never signs
        // before its predecessor, which may itself be waiting still.
        let signs_from = newest.as_ref().map_or(now, |key| (now + self.inner.publish_ahead).max(key.signs_from));
        if let Some(key) = newest {
            let signs_until = signs_from + HANDOVER;
            let verifies_until = signs_until + self.inner.token_life + LEEWAY;
            signing_keys::retire(tx, &key.id, signs_until, verifies_until).await?;
        }
        let new = NewKey::generate()?;
        let row = Row {
            sealed_key: Some(self.inner.keyring.seal(new.id.as_bytes(), &new.private)?),
            id: new.id,
            public_key: new.public,
            created_at: now,
            signs_from,
            verifies_until: None,
        };
        signing_keys::insert(tx, &row).await?;
        metrics::counter!(names::KEYS_MADE).increment(1);
        tracing::info!(key.id = row.id, key.signs_from = %signs_from, "A signing key was made.");
        Ok(())
    }

    #[allow(clippy::cast_precision_loss)]
    async fn reload(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let rows = signing_keys::all(self.inner.db.pool()).await?;
        let ring = Ring::open(rows, &self.inner.keyring)?;
        let set = ring.set(now);
        metrics::gauge!(names::KEYS_PUBLISHED).set(set.keys.len() as f64);
        let json = serde_json::to_value(&set).context("the key set is not JSON")?;
        let set = serde_json::from_value(json).context("the key set cannot be read back")?;
        // Verifying first: a token that is signed with a new key is never refused for it here.
        self.inner.local.publish(&set);
        self.inner.ring.store(Arc::new(ring));
        Ok(())
    }
}
