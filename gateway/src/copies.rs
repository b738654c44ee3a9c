//! The last statistics that each user saw, for when analytics is away.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use contracts::rest::analytics::{Facet, FacetValue, StatsBatch, Window};
use redis::Pipeline;
use serde::{Deserialize, Serialize};

use crate::store::Store;

/// Copies of facets, kept in Redis per user: a copy can never show one user what is another's.
#[derive(Clone)]
pub struct Copies {
    store: Store,
    keep: Duration,
}

/// One facet as it was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Copy {
    /// Clicks until then are counted.
    pub as_of: DateTime<Utc>,
    /// What was counted.
    pub value: FacetValue,
}

impl Copies {
    /// Keeps copies for so long.
    #[must_use]
    pub const fn new(store: Store, keep: Duration) -> Self {
        Self { store, keep }
    }

    /// Keeps what analytics answered to `user`. Nobody waits for it.
    pub fn keep(&self, user: &str, window: &Window, facets: &[Facet], batch: &StatsBatch) {
        let mut writes = redis::pipe();
        for (code, values) in &batch.links {
            let key = self.key(user, window, code);
            for (facet, value) in facets.iter().zip(values) {
                let copy = Copy { as_of: batch.as_of, value: value.clone() };
                if let (Ok(facet), Ok(copy)) = (serde_json::to_string(facet), serde_json::to_string(&copy)) {
                    writes.hset(&key, facet, copy).ignore();
                }
            }
            writes.expire(&key, i64::try_from(self.keep.as_secs()).unwrap_or(i64::MAX)).ignore();
        }
        let store = self.store.clone();
        tokio::spawn(async move { store.ask(async |mut redis| writes.query_async::<()>(&mut redis).await).await });
    }

    /// Finds copies of facets of links, by code and facet.
    pub async fn find(
        &self,
        user: &str,
        window: &Window,
        codes: &[String],
        facets: &[Facet],
    ) -> HashMap<(String, Facet), Copy> {
        let fields: Vec<String> = facets.iter().filter_map(|facet| serde_json::to_string(facet).ok()).collect();
        let mut reads = Pipeline::new();
        for code in codes {
            reads.cmd("HMGET").arg(self.key(user, window, code)).arg(&fields);
        }
        let answer = self.store.ask(async |mut redis| reads.query_async::<Vec<Vec<Option<String>>>>(&mut redis).await);
        let rows = answer.await.unwrap_or_default();
        let mut found = HashMap::new();
        for (code, row) in codes.iter().zip(rows) {
            for (facet, text) in facets.iter().zip(row) {
                if let Some(copy) = text.and_then(|text| serde_json::from_str(&text).ok()) {
                    found.insert((code.clone(), facet.clone()), copy);
                }
            }
        }
        found
    }

    fn key(&self, user: &str, window: &Window, code: &str) -> String {
        let time = |time: Option<DateTime<Utc>>| time.map_or(0, |time| time.timestamp_millis());
        let (from, to) = (time(window.from), time(window.to));
        let bots = if window.include_bots { "bots" } else { "humans" };
        self.store.key(&format!("stats:{user}:{code}:{from}:{to}:{}:{bots}", window.time_zone))
    }
}
