//! The issuer's published keys: fetched and cached, an unknown key id leading to one refetch, whoever
//! asks; or told by the issuer itself, in its own process.

use super::Claims;
use anyhow::Context as _;
use arc_swap::ArcSwap;
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use moka::future::Cache;
use std::{collections::HashMap, sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// How long keys are used without asking again.
const FRESH: Duration = Duration::from_secs(300);
/// The least time between two fetches, so that tokens with invented key ids cannot cause floods.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one fetch may take.
const FETCH_LIMIT: Duration = Duration::from_secs(3);
/// The largest key set that is read, in bytes.
const LARGEST: usize = 65_536;

/// How many tokens a key remembers at most.
const REMEMBERED: u64 = 2_048;

/// A key that verifies.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) decoding: DecodingKey,
    /// What the tokens say that it has verified, by their SHA-256. A signature is computed once for the many requests
    /// of a token; with the key, or a new fetch of it, they are forgotten.
    pub(super) verified: Cache<[u8; 32], Claims>,
}

#[derive(Default)]
struct Cached {
    by_id: HashMap<String, Arc<Key>>,
    fetched: Option<Instant>,
}

/// Where keys come from.
pub(super) enum Keys {
    Fetched(Fetched),
    Local(LocalKeys),
}

impl Keys {
    /// The key with this id.
    pub(super) async fn find(&self, id: &str) -> anyhow::Result<Option<Arc<Key>>> {
        match self {
            Self::Fetched(keys) => keys.find(id).await,
            Self::Local(LocalKeys(by_id)) => Ok(by_id.load().get(id).cloned()),
        }
    }
}

/// The keys of the issuer in its own process, which need no fetching. Clones are the same keys.
#[derive(Clone, Default)]
pub struct LocalKeys(Arc<ArcSwap<HashMap<String, Arc<Key>>>>);

impl LocalKeys {
    /// Replaces all keys by those of `set`.
    pub fn publish(&self, set: &JwkSet) {
        self.0.store(Arc::new(set.keys.iter().filter_map(usable).collect()));
    }
}

pub(super) struct Fetched {
    url: url::Url,
    client: reqwest::Client,
    cached: ArcSwap<Cached>,
    last_try: Mutex<Option<Instant>>,
}

impl Fetched {
    pub(super) fn new(url: url::Url) -> Self {
        Self { url, client: crate::client::new(), cached: ArcSwap::default(), last_try: Mutex::new(None) }
    }

    /// The key with this id. Old keys serve on when the issuer is away.
    async fn find(&self, id: &str) -> anyhow::Result<Option<Arc<Key>>> {
        let cached = self.cached.load_full();
        let is_fresh = cached.fetched.is_some_and(|at| at.elapsed() < FRESH);
        if is_fresh && let Some(key) = cached.by_id.get(id) {
            return Ok(Some(key.clone()));
        }
        let refreshed = self.refresh(&cached).await;
        let current = self.cached.load();
        match (current.by_id.get(id), refreshed) {
            (Some(key), _) => Ok(Some(key.clone())),
            (None, Ok(())) => Ok(None),
            (None, Err(error)) => Err(error),
        }
    }

    /// Fetches the keys unless somebody else has done so since `seen` was loaded.
    async fn refresh(&self, seen: &Arc<Cached>) -> anyhow::Result<()> {
        let mut last_try = self.last_try.lock().await;
        if !Arc::ptr_eq(seen, &self.cached.load_full()) {
            return Ok(());
        }
        let has_keys = seen.fetched.is_some();
        if last_try.is_some_and(|at| at.elapsed() < PAUSE) && has_keys {
            return Ok(());
        }
        *last_try = Some(Instant::now());
        let by_id = tokio::time::timeout(FETCH_LIMIT, self.fetch())
            .await
            .context("the issuer's keys did not come in time")??;
        self.cached.store(Arc::new(Cached { by_id, fetched: Some(Instant::now()) }));
        Ok(())
    }

    async fn fetch(&self) -> anyhow::Result<HashMap<String, Arc<Key>>> {
        let answer = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        let too_large = answer.content_length().is_some_and(|length| length > LARGEST as u64);
        anyhow::ensure!(!too_large, "the issuer's key set is larger than {LARGEST} bytes");
        let set: JwkSet = answer.json().await.context("the issuer's keys could not be read")?;
        Ok(set.keys.iter().filter_map(usable).collect())
    }
}

/// The key, if it is for signatures by an algorithm that we accept.
fn usable(jwk: &Jwk) -> Option<(String, Arc<Key>)> {
    let algorithm = match jwk.common.key_algorithm? {
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::RS256 => Algorithm::RS256,
        _ => return None,
    };
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let decoding = DecodingKey::from_jwk(jwk).ok()?;
    let verified = Cache::new(REMEMBERED);
    Some((jwk.common.key_id.clone()?, Arc::new(Key { algorithm, decoding, verified })))
}
