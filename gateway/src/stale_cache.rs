//! The last statistics that each user saw. They are shown when analytics is away.

use crate::config;
use crate::store::Store;
use chrono::{DateTime, Utc};
use contracts::rest::analytics::{Facet, FacetValue, StatsBatch, Window};
use moka::future::Cache;
use redis::{Pipeline, Script};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Unchanged statistics are written at most so often.
const REFRESH: Duration = Duration::from_secs(60);
/// How many responses are remembered as written.
const WRITTEN: u64 = 10_000;
/// How many facets of one link and time span are kept.
const FACETS: usize = 16;

/// How many bytes are written in one command. A whole response could block Redis for so long that it seemed away.
const PIECE: usize = 256 * 1024;

/// The Redis key of a link's copies, and each facet with its copy.
type Kept = (String, Vec<(String, String)>);

/// Copies of facets in Redis, for each user alone: nobody sees another user's statistics. One user's copies are
/// limited, so that they cannot displace those of others.
#[derive(Clone)]
pub struct StaleCache(Arc<Inner>);

struct Inner {
    store: Store,
    script: Script,
    bounds: config::StaleCache,
    /// Hashes of the last responses written, by the hash of the request.
    written: Cache<u64, u64>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StaleFacet {
    pub as_of: DateTime<Utc>,
    pub value: FacetValue,
}

impl StaleCache {
    pub fn new(store: Store, bounds: config::StaleCache) -> Self {
        let refresh = REFRESH.min(Duration::from_secs(bounds.keep_seconds) / 2);
        let written = Cache::builder().max_capacity(WRITTEN).time_to_live(refresh).build();
        let script = Script::new(include_str!("keep.lua"));
        Self(Arc::new(Inner { store, script, bounds, written, hasher: RandomState::new() }))
    }

    /// Keeps a response of analytics for `user`, without facets that are too large. The write runs in the background.
    /// Unchanged values are written at most once a minute, so a copy's `as_of` may be a minute too old.
    pub async fn keep(&self, user: &str, window: &Window, facets: &[Facet], batch: &StatsBatch) {
        let codes: Vec<_> = batch.links.keys().collect();
        let asked = self.0.hasher.hash_one((user, window, facets, codes));
        let answered = self.0.hasher.hash_one(&batch.links);
        if self.0.written.get(&asked).await == Some(answered) {
            return;
        }
        self.0.written.insert(asked, answered).await;
        let links = batch.links.iter().map(|(code, values)| {
            let pairs = facets.iter().zip(values).filter_map(|pair| self.written(pair, batch));
            (self.key(user, window, code), pairs.take(FACETS).collect::<Vec<_>>())
        });
        let (copies, index, links) = (self.clone(), self.0.store.key(&format!("stats:{user}")), pieces(links));
        tokio::spawn(async move {
            for piece in links {
                if copies.write(&index, piece).await.is_none() {
                    return copies.0.written.invalidate(&asked).await;
                }
            }
        });
    }

    /// Returns `None` when Redis failed.
    async fn write(&self, index: &str, links: Vec<Kept>) -> Option<()> {
        let Inner { store, script, bounds, .. } = &*self.0;
        let mut writes = script.key(index);
        writes.arg(Utc::now().timestamp_millis()).arg(bounds.keep_seconds);
        writes.arg(bounds.most_per_user).arg(FACETS);
        for (key, pairs) in links {
            writes.key(key).arg(pairs.len());
            for (facet, copy) in pairs {
                writes.arg(facet).arg(copy);
            }
        }
        store.ask(async |mut redis| writes.invoke_async::<()>(&mut redis).await).await
    }

    /// Serializes a facet and its copy; `None` when they are too large.
    fn written(&self, (facet, value): (&Facet, &FacetValue), batch: &StatsBatch) -> Option<(String, String)> {
        let copy = StaleFacet { as_of: batch.as_of, value: value.clone() };
        let (facet, copy) = (serde_json::to_string(facet).ok()?, serde_json::to_string(&copy).ok()?);
        (facet.len() + copy.len() <= self.0.bounds.most_bytes).then_some((facet, copy))
    }

    pub async fn find(
        &self,
        user: &str,
        window: &Window,
        codes: &[String],
        facets: &[Facet],
    ) -> HashMap<(String, Facet), StaleFacet> {
        let fields: Vec<String> = facets.iter().filter_map(|facet| serde_json::to_string(facet).ok()).collect();
        let mut reads = Pipeline::new();
        for code in codes {
            reads.cmd("HMGET").arg(self.key(user, window, code)).arg(&fields);
        }
        let answer =
            self.0.store.ask(async |mut redis| reads.query_async::<Vec<Vec<Option<String>>>>(&mut redis).await);
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
        self.0.store.key(&format!("stats:{user}:{code}:{from}:{to}:{}:{bots}", window.time_zone))
    }
}

/// Splits copies into pieces that are written in one command.
fn pieces(links: impl Iterator<Item = Kept>) -> Vec<Vec<Kept>> {
    let (mut pieces, mut size) = (vec![Vec::new()], 0);
    for link in links {
        let length: usize = link.1.iter().map(|(facet, copy)| facet.len() + copy.len()).sum();
        if size > 0 && size + length > PIECE {
            pieces.push(Vec::new());
            size = 0;
        }
        size += length;
        pieces.last_mut().expect("there is one").push(link);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_answers_are_written_in_pieces_and_small_ones_at_once() {
        let link = |length: usize| ("key".to_owned(), vec![("facet".to_owned(), "x".repeat(length))]);
        let sizes =
            |links: &[usize]| pieces(links.iter().map(|&length| link(length))).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(&[10, 20, 30]), [3]);
        assert_eq!(sizes(&[PIECE / 2 - 5, PIECE / 2 - 5, 1]), [2, 1]);
        assert_eq!(sizes(&[2 * PIECE, 2 * PIECE]), [1, 1]);
    }
}
