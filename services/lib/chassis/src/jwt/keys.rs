//! The issuer's published keys: fetched, cached, and fetched again behind the answers; an unknown key id leads to one
//! fetch, whoever asks. Or told by the issuer itself, in its own process.

use super::claims::Identity;
use super::flight::{Fetch, SingleFlight};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::body::Body;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use moka::future::Cache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long keys are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(300);
/// The least time between two fetches, so that tokens with invented key ids cannot cause floods.
const PAUSE: Duration = Duration::from_secs(5);
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
    pub(super) verified: Cache<[u8; 32], Identity>,
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

/// Keys that are fetched. Clones are the same.
#[derive(Clone)]
pub(super) struct Fetched(Arc<Inner>);

struct Inner {
    url: url::Url,
    client: reqwest::Client,
    cached: ArcSwap<Cached>,
    flight: SingleFlight,
}

impl Fetched {
    pub(super) fn new(url: url::Url) -> Self {
        let (cached, flight) = (ArcSwap::default(), SingleFlight::default());
        Self(Arc::new(Inner { url, client: crate::client::new(), cached, flight }))
    }

    /// The key with this id. A key that is known is told at once: where it is time, the keys are fetched again behind
    /// the answer, and old ones serve on while the issuer is away or hangs. Only an unknown id waits for a fetch.
    async fn find(&self, id: &str) -> anyhow::Result<Option<Arc<Key>>> {
        let cached = self.0.cached.load_full();
        if let Some(key) = cached.by_id.get(id) {
            if cached.fetched.is_none_or(|at| at.elapsed() >= FRESH) {
                drop(self.fetch(true));
            }
            return Ok(Some(key.clone()));
        }
        let fetched = self.fetch(cached.fetched.is_some()).await;
        match (self.0.cached.load().by_id.get(id), fetched) {
            (Some(key), _) => Ok(Some(key.clone())),
            (None, Ok(())) => Ok(None),
            (None, Err(error)) => Err(anyhow::anyhow!("{error:#}")),
        }
    }

    /// A new fetch, unless one is under way, or began a moment ago where keys are known.
    fn fetch(&self, has_keys: bool) -> Fetch {
        let inner = Arc::clone(&self.0);
        let pause = if has_keys { PAUSE } else { Duration::ZERO };
        self.0.flight.fetch("keys", pause, || async move { inner.refresh().await })
    }
}

impl Inner {
    async fn refresh(&self) -> anyhow::Result<()> {
        let by_id = self.read().await?;
        self.cached.store(Arc::new(Cached { by_id, fetched: Some(Instant::now()) }));
        Ok(())
    }

    async fn read(&self) -> anyhow::Result<HashMap<String, Arc<Key>>> {
        let answer = self.client.get(self.url.clone()).send().await?.error_for_status()?;
        // The bytes are counted as they come: an answer need not say its length.
        let body = axum::body::to_bytes(Body::new(reqwest::Body::from(answer)), LARGEST).await;
        let body = body.with_context(|| format!("the issuer's key set broke off or is larger than {LARGEST} bytes"))?;
        let set: JwkSet = serde_json::from_slice(&body).context("the issuer's keys could not be read")?;
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
