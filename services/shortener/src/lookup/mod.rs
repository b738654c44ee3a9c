//! From a code to where it leads: process → Redis → MongoDB. See `docs/adr/0007-code-lookup.md`.
//!
//! * An answer from the process's memory is at most 30 s old, whatever happens.
//! * Many who ask for one code at once cause one look at the stores.
//! * A change is told to every instance; an answer that was on its way meanwhile does not stay.
//! * While MongoDB is away, what was known last is answered.

mod absence;
mod broadcast;
mod entry;
mod shared;

use crate::config::Cache as Settings;
use crate::domain::{Link, ShortCode};
use crate::error::Error;
use crate::metrics::Lookups;
use crate::store::Links;
use absence::Absence;
pub use entry::{Entry, Resolution, Target};
use moka::Expiry;
use moka::future::Cache;
use shared::Shared;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// For how long a stale answer is taken from memory before the stores are asked again.
const STALE_KEPT: Duration = Duration::from_secs(1);
/// For how long it is remembered which version of a link is the least that may be answered:
/// longer than any lookup can take.
const FLOOR_KEPT: Duration = Duration::from_secs(60);
/// The most codes of which that is remembered.
const FLOORS: u64 = 100_000;
/// How often a code is looked up that is changed meanwhile, again and again.
const MOST_LOOKS: u32 = 3;

/// Looks codes up. Cheap to clone.
#[derive(Clone)]
pub struct Lookup {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    fresh: Cache<ShortCode, Found>,
    last: Cache<ShortCode, Arc<Entry>>,
    floors: Cache<ShortCode, u64>,
    shared: Shared,
    links: Links,
    store: Absence,
    metrics: Lookups,
}

#[derive(Clone)]
struct Found {
    entry: Arc<Entry>,
    keep: Duration,
}

struct KeptAsFound;

impl Expiry<ShortCode, Found> for KeptAsFound {
    fn expire_after_create(&self, _: &ShortCode, found: &Found, _: Instant) -> Option<Duration> {
        Some(found.keep)
    }

    fn expire_after_update(&self, _: &ShortCode, found: &Found, _: Instant, _: Option<Duration>) -> Option<Duration> {
        Some(found.keep)
    }
}

impl Lookup {
    /// Makes a lookup with empty memory.
    pub fn new(settings: &Settings, redis: &chassis::config::Redis, links: Links) -> anyhow::Result<Self> {
        let fresh = Cache::builder()
            .max_capacity(settings.bytes)
            .weigher(|_, found: &Found| found.entry.weight())
            .expire_after(KeptAsFound)
            .build();
        let last = Cache::builder()
            .max_capacity(settings.bytes)
            .weigher(|_, entry: &Arc<Entry>| entry.weight())
            .time_to_live(Duration::from_secs(settings.stale_s))
            .build();
        let floors = Cache::builder().max_capacity(FLOORS).time_to_live(FLOOR_KEPT).build();
        let inner = Inner {
            shared: Shared::new(redis, Duration::from_secs(settings.shared_s))?,
            settings: settings.clone(),
            fresh,
            last,
            floors,
            links,
            store: Absence::default(),
            metrics: Lookups::new(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Tells where a code leads, if anywhere.
    pub async fn find(&self, code: ShortCode) -> Result<Arc<Entry>, Arc<Error>> {
        if let Some(found) = self.inner.fresh.get(&code).await {
            self.inner.metrics.process.increment(1);
            return Ok(found.entry);
        }
        // In a box, so that redirects that find it in memory are small.
        Box::pin(self.find_slowly(code)).await
    }

    async fn find_slowly(&self, code: ShortCode) -> Result<Arc<Entry>, Arc<Error>> {
        let inner = &self.inner;
        let mut looks = 0;
        loop {
            let found = inner.fresh.try_get_with(code, Box::pin(inner.load(code))).await?;
            looks += 1;
            if found.entry.version >= inner.floor(code).await || looks == MOST_LOOKS {
                return Ok(found.entry);
            }
            // It was changed while it was looked up. A change is told after it committed, so the next look finds it.
            inner.fresh.invalidate(&code).await;
        }
    }

    /// Prepares for a change that is about to commit: from now on Redis takes no older version.
    /// A process that dies right after the commit leaves nothing wrong behind.
    pub async fn guard(&self, code: ShortCode, version: u64) {
        self.inner.shared.put(code, &Entry::guard(version)).await;
    }

    /// Tells every instance of changes that have committed; this one has taken them over on return.
    pub async fn announce(&self, links: impl IntoIterator<Item = &Link>) {
        let entries = links.into_iter().map(|link| (link.code, Arc::new(Entry::of(link))));
        let changes: Vec<_> = entries.collect();
        for (code, entry) in &changes {
            self.inner.take_over(*code, Arc::clone(entry)).await;
        }
        if !changes.is_empty() {
            self.inner.shared.announce(&changes).await;
        }
    }

    /// Succeeds when Redis answers, for readiness.
    pub async fn probe(self) -> anyhow::Result<()> {
        self.inner.shared.probe().await
    }
}

impl Inner {
    async fn load(&self, code: ShortCode) -> Result<Found, Error> {
        let shared = self.shared.get(code).await;
        let floor = self.floor(code).await;
        if let Some(entry) = shared.filter(|entry| entry.version >= floor) {
            self.metrics.redis.increment(1);
            return Ok(self.keep(code, Arc::new(entry)).await);
        }
        let last = self.last.get(&code).await;
        if let Some(entry) = &last
            && !self.store.may_ask()
        {
            return Ok(self.stale(entry));
        }
        let limit = Duration::from_millis(self.settings.limit_ms);
        let error = match timeout(limit, self.links.by_code(code)).await {
            Ok(Ok(link)) => {
                self.store.clear();
                self.metrics.mongo.increment(1);
                let entry = Arc::new(link.as_ref().map_or_else(Entry::unknown, Entry::of));
                self.shared.offer(code, &entry);
                return Ok(self.keep(code, entry).await);
            }
            Ok(Err(error)) => error,
            Err(_) => mongodb::error::Error::from(std::io::Error::from(std::io::ErrorKind::TimedOut)).into(),
        };
        self.store.note();
        match last {
            Some(entry) => Ok(self.stale(&entry)),
            None => Err(error),
        }
    }

    async fn keep(&self, code: ShortCode, entry: Arc<Entry>) -> Found {
        let is_unknown = matches!(entry.resolution, Resolution::Unknown);
        if !is_unknown {
            self.last.insert(code, Arc::clone(&entry)).await;
        }
        let keep = if is_unknown { self.settings.unknown_ms } else { self.settings.fresh_ms };
        Found { entry, keep: Duration::from_millis(keep) }
    }

    /// The least version of the code's link that may be answered.
    async fn floor(&self, code: ShortCode) -> u64 {
        self.floors.get(&code).await.unwrap_or_default()
    }

    fn stale(&self, entry: &Arc<Entry>) -> Found {
        self.metrics.stale.increment(1);
        Found { entry: Arc::clone(entry), keep: STALE_KEPT }
    }

    /// Takes over a change, from here or from another instance, unless a later one is known.
    ///
    /// The floor comes first: a lookup that ends after it sees it and looks again.
    async fn take_over(&self, code: ShortCode, entry: Arc<Entry>) {
        if self.floor(code).await > entry.version {
            return;
        }
        self.floors.insert(code, entry.version).await;
        let found = self.keep(code, entry).await;
        self.fresh.insert(code, found).await;
    }
}
