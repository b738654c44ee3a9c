//! Apollo's automatic persisted queries: a client sends a document once with its hash, and later the hash alone. A
//! client sends an unknown document again, so everything here may be lost.
//! <https://www.apollographql.com/docs/apollo-server/performance/apq>

use super::parameters::Parameters;
use super::prepare::RequestError;
use crate::config;
use crate::origin::Origin;
use crate::store::Store;
use chrono::Utc;
use contracts::problem::Code;
use moka::future::Cache;
use redis::{AsyncCommands, Script};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const VERSION: u64 = 1;
/// The timeout of a write to Redis, which runs in the background.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// Known documents, in memory and, for all gateways, in Redis.
///
/// Nobody can fill them. Memory keeps the documents that are used most often. Redis takes valid documents of users
/// only, with limits on their size, on their number, and on additions by each user in an hour. Those that were used in
/// the fewest hours are dropped first.
#[derive(Clone)]
pub struct PersistedDocuments {
    memory: Cache<Arc<str>, Arc<CachedDocument>>,
    store: Store,
    script: Arc<Script>,
    bounds: config::Persisted,
}

struct CachedDocument {
    text: Arc<str>,
    /// When a use was last counted in Redis, in milliseconds of Unix time.
    counted: AtomicI64,
}

/// A document that came with its hash. It is kept if it is valid.
pub(super) struct NewDocument {
    hash: Arc<str>,
    text: Arc<str>,
}

impl PersistedDocuments {
    pub fn new(store: Store, bounds: config::Persisted) -> Self {
        let weigh = |hash: &Arc<str>, known: &Arc<CachedDocument>| {
            u32::try_from(hash.len() + known.text.len()).unwrap_or(u32::MAX)
        };
        let memory = Cache::builder().max_capacity(bounds.memory_bytes).weigher(weigh).build();
        Self { memory, store, script: Arc::new(Script::new(include_str!("persisted.lua"))), bounds }
    }

    /// Finds the document of a hash, or returns the one that came with it.
    pub(super) async fn complete(&self, parameters: &mut Parameters) -> Result<Option<NewDocument>, RequestError> {
        let Some(named) = parameters.persisted.take() else { return Ok(None) };
        if named.version != VERSION {
            return Err(RequestError::named("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED"));
        }
        let hash = named.sha256_hash;
        if parameters.query.is_empty() {
            let unknown = || RequestError::named("PersistedQueryNotFound", NOT_FOUND);
            parameters.query = self.find(&hash).await.ok_or_else(unknown)?.to_string();
            return Ok(None);
        }
        if hash_of(&parameters.query) != hash {
            let message =
                "extensions.persistedQuery.sha256Hash must be the SHA-256 of the query, in lower-case hexadecimal.";
            return Err(RequestError::new(message, Code::ValidationFailed));
        }
        let text = &parameters.query;
        // A mutation may hold a password in a literal.
        let may_hold_secrets = text.contains("mutation") && text.contains('"');
        let is_kept =
            text.len() <= self.bounds.most_bytes && !may_hold_secrets && !self.memory.contains_key(hash.as_str());
        Ok(is_kept.then(|| NewDocument { hash: hash.into(), text: parameters.query.as_str().into() }))
    }

    async fn find(&self, hash: &str) -> Option<Arc<str>> {
        if let Some(known) = self.memory.get(hash).await {
            if known.counts(Utc::now().timestamp_millis(), self.bounds.use_seconds) {
                self.count_use(hash);
            }
            return Some(Arc::clone(&known.text));
        }
        if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let (key, patience) = (self.key(hash), Duration::from_millis(self.bounds.patience_ms));
        let found = self.store.ask_for(patience, async |mut redis| redis.get::<_, Option<String>>(key).await).await??;
        // Redis is checked like a client.
        let text = Some(found).filter(|text| hash_of(text) == hash)?;
        let text: Arc<str> = text.into();
        self.memory.insert(hash.into(), CachedDocument::now(&text)).await;
        self.count_use(hash);
        Some(text)
    }

    /// Counts a use of a document in Redis, in the background. Documents in memory must not expire there.
    fn count_use(&self, hash: &str) {
        let (documents, key) = (self.clone(), self.key(hash));
        // A use adds nothing, so no sender is counted.
        tokio::spawn(async move { documents.write(key, "", "documents:nobody").await });
    }

    /// Keeps a valid document; in Redis in the background.
    pub(super) async fn keep(&self, sent: NewDocument, sender: &Origin) {
        let NewDocument { hash, text } = sent;
        self.memory.insert(Arc::clone(&hash), CachedDocument::now(&text)).await;
        if sender.caller.is_none() {
            return;
        }
        let (documents, key, sender) = (self.clone(), self.key(&hash), format!("documents:{}", sender.key()));
        tokio::spawn(async move { documents.write(key, &text, &sender).await });
    }

    async fn write(&self, key: String, text: &str, sender: &str) {
        let mut write = self.script.key(key);
        write.key(self.store.key("documents:uses")).key(self.store.key("documents:times")).key(self.store.key(sender));
        write.arg(text).arg(self.bounds.keep_seconds).arg(self.bounds.most).arg(self.bounds.most_per_user);
        write.arg(Utc::now().timestamp_millis()).arg(self.bounds.use_seconds * 1_000);
        self.store.ask_for(WRITE_LIMIT, async |mut redis| write.invoke_async::<()>(&mut redis).await).await;
    }

    fn key(&self, hash: &str) -> String {
        self.store.key(&format!("document:{hash}"))
    }
}

impl CachedDocument {
    fn now(text: &Arc<str>) -> Arc<Self> {
        Arc::new(Self { text: Arc::clone(text), counted: Utc::now().timestamp_millis().into() })
    }

    /// Whether a use counts now. After that, none counts for so many seconds.
    fn counts(&self, now: i64, seconds: u32) -> bool {
        let last = self.counted.load(Ordering::Relaxed);
        let is_due = now - last >= i64::from(seconds) * 1_000;
        is_due && self.counted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Apollo's clients answer this code by sending the whole document.
pub(super) const NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";

fn hash_of(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
