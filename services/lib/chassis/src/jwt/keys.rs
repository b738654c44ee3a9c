//! The issuer's published keys: fetched, cached, and fetched again behind the answers; an unknown key id leads to one
//! fetch, whoever asks. Or told by the issuer itself, in its own process.

use super::Claims;
use anyhow::Context as _;
use arc_swap::ArcSwap;
use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use moka::future::Cache;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long keys are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(300);
/// The least time between two fetches, so that tokens with invented key ids cannot cause floods.
const PAUSE: Duration = Duration::from_secs(5);
/// How long one fetch may take, and so how long a token with an unknown key id may wait.
const FETCH_LIMIT: Duration = Duration::from_secs(2);
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

/// Keys that are fetched. Clones are the same.
#[derive(Clone)]
pub(super) struct Fetched(Arc<Inner>);

struct Inner {
    url: url::Url,
    client: reqwest::Client,
    cached: ArcSwap<Cached>,
    latest: Mutex<Option<Latest>>,
}

/// The latest fetch, under way or over.
struct Latest {
    began: Instant,
    fetch: Fetch,
}

/// A fetch that all who need it wait for; its outcome stays.
type Fetch = Shared<BoxFuture<'static, Result<(), Arc<anyhow::Error>>>>;

impl Fetched {
    pub(super) fn new(url: url::Url) -> Self {
        let (cached, latest) = (ArcSwap::default(), Mutex::default());
        Self(Arc::new(Inner { url, client: crate::client::new(), cached, latest }))
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

    /// The fetch that is under way, or that began a moment ago where keys are known; a new one otherwise. It goes on
    /// whoever waits for it.
    fn fetch(&self, has_keys: bool) -> Fetch {
        let mut latest = self.0.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let last = latest.as_ref().filter(|last| {
            let is_over = last.fetch.peek().is_some();
            !is_over || has_keys && last.began.elapsed() < PAUSE
        });
        if let Some(last) = last {
            return last.fetch.clone();
        }
        let inner = Arc::clone(&self.0);
        let fetch = async move { inner.refresh().await.map_err(Arc::new) }.boxed().shared();
        tokio::spawn(fetch.clone());
        *latest = Some(Latest { began: Instant::now(), fetch: fetch.clone() });
        fetch
    }
}

impl Inner {
    async fn refresh(&self) -> anyhow::Result<()> {
        let fetched = tokio::time::timeout(FETCH_LIMIT, self.read()).await;
        let outcome = fetched.context("the issuer's keys did not come in time").flatten();
        let by_id =
            outcome.inspect_err(|error| tracing::warn!(error = %format!("{error:#}"), "Keys were not fetched."))?;
        self.cached.store(Arc::new(Cached { by_id, fetched: Some(Instant::now()) }));
        Ok(())
    }

    async fn read(&self) -> anyhow::Result<HashMap<String, Arc<Key>>> {
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
