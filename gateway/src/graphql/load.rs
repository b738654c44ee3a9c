//! Gathers what the statistics fields of one level need, and asks analytics once.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;

use async_graphql::dataloader::{DataLoader, HashMapCache, Loader};
use chrono::{DateTime, Utc};
use contracts::rest::analytics::{
    BATCH_FACETS_LIMIT, BATCH_LINKS_LIMIT, Facet, FacetValue, StatsBatch, StatsBatchRequest, Totals, Window,
};
use futures::future::join_all;
use tracing::Instrument;

use crate::clients::{Client, ServiceError};
use crate::copies::Copies;
use crate::metrics;
use crate::origin::Origin;
use crate::upstream::Upstreams;

/// The loader of one request.
pub type StatsLoader = DataLoader<Stats, HashMapCache>;

/// One thing to know about one link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The link's short code.
    pub code: String,
    /// The span of time.
    pub window: Window,
    /// What is asked.
    pub facet: Facet,
}

/// What is known of it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What was counted.
    pub value: FacetValue,
    /// Clicks until then are counted.
    pub as_of: DateTime<Utc>,
    /// Whether it is a copy.
    pub stale: bool,
}

/// Loads statistics for one client.
pub struct Stats {
    upstreams: Upstreams,
    origin: Origin,
    copies: Copies,
}

/// Creates the loader of one request. What it does in the background belongs to the request's trace.
#[must_use]
pub fn loader(upstreams: Upstreams, origin: Origin, copies: Copies) -> StatsLoader {
    let stats = Stats { upstreams, origin, copies };
    DataLoader::with_cache(stats, |work| tokio::spawn(work.in_current_span()), HashMapCache::default())
}

impl Loader<Key> for Stats {
    /// Each key succeeds or fails by itself: a span of time that analytics refuses costs only the fields that asked
    /// for it.
    type Value = Result<Loaded, ServiceError>;
    type Error = Infallible;

    async fn load(&self, keys: &[Key]) -> Result<HashMap<Key, Self::Value>, Infallible> {
        let mut windows: HashMap<&Window, (BTreeSet<&str>, BTreeSet<&Facet>)> = HashMap::new();
        for key in keys {
            let (codes, facets) = windows.entry(&key.window).or_default();
            codes.insert(&key.code);
            facets.insert(&key.facet);
        }
        let batches = windows.into_iter().flat_map(|(window, (codes, facets))| batches(window, &codes, &facets));
        let answers = join_all(batches.map(|batch| self.ask(batch))).await;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// Cuts what is wanted of one span of time into as few calls as the contract allows: nearly always one.
fn batches(window: &Window, codes: &BTreeSet<&str>, facets: &BTreeSet<&Facet>) -> Vec<StatsBatchRequest> {
    let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
    let facets: Vec<Facet> = facets.iter().map(|facet| (*facet).clone()).collect();
    let pairs = codes
        .chunks(BATCH_LINKS_LIMIT)
        .flat_map(|codes| facets.chunks(BATCH_FACETS_LIMIT).map(move |facets| (codes.to_vec(), facets.to_vec())));
    pairs.map(|(codes, facets)| StatsBatchRequest { codes, window: window.clone(), facets }).collect()
}

impl Stats {
    async fn ask(&self, request: StatsBatchRequest) -> Vec<(Key, Result<Loaded, ServiceError>)> {
        let answer = match Client::of("analytics", &self.upstreams, &self.origin) {
            Ok(analytics) => analytics.stats(&request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(batch) => {
                self.copies.keep(&self.origin.key(), &request.window, &request.facets, &batch);
                fresh(&request, &batch)
            }
            Err(error) if error.is_absence() => self.answer_from_copies(&request, &error).await,
            Err(error) => keys(&request).map(|key| (key, Err(error.clone()))).collect(),
        }
    }

    /// Answers from copies, where there are any.
    async fn answer_from_copies(
        &self,
        request: &StatsBatchRequest,
        error: &ServiceError,
    ) -> Vec<(Key, Result<Loaded, ServiceError>)> {
        let user = self.origin.key();
        let mut copies = self.copies.find(&user, &request.window, &request.codes, &request.facets).await;
        metrics::answered_stale(copies.len());
        let answer = |key: Key| {
            let copy = copies.remove(&(key.code.clone(), key.facet.clone()));
            let loaded = copy.map(|copy| Loaded { value: copy.value, as_of: copy.as_of, stale: true });
            (key, loaded.ok_or_else(|| error.clone()))
        };
        keys(request).map(answer).collect()
    }
}

/// Everything that a batch asks for.
fn keys(request: &StatsBatchRequest) -> impl Iterator<Item = Key> {
    request.codes.iter().flat_map(|code| {
        request.facets.iter().map(|facet| Key {
            code: code.clone(),
            window: request.window.clone(),
            facet: facet.clone(),
        })
    })
}

/// Takes a batch apart. A link that analytics leaves out has been authorised by shortener a moment ago: it is so new
/// that nothing has been counted.
fn fresh(request: &StatsBatchRequest, batch: &StatsBatch) -> Vec<(Key, Result<Loaded, ServiceError>)> {
    let place = |wanted: &Facet| request.facets.iter().position(|facet| facet == wanted);
    let answer = |key: Key| {
        let values = batch.links.get(&key.code);
        let value = values.and_then(|values| values.get(place(&key.facet)?));
        let value = value.cloned().unwrap_or_else(|| nothing_yet(&key.facet));
        (key, Ok(Loaded { value, as_of: batch.as_of, stale: false }))
    };
    keys(request).map(answer).collect()
}

fn nothing_yet(facet: &Facet) -> FacetValue {
    match facet {
        Facet::Totals | Facet::PreviousTotals => FacetValue::Totals(Totals::default()),
        Facet::Series { .. } => FacetValue::Series { points: Vec::new() },
        Facet::Top { .. } => FacetValue::Top { counts: Vec::new() },
    }
}
