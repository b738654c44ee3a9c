//! Statistics of links, from stale copies when analytics is away.

use super::{Found, Key, Loader, Queue, Queues};
use crate::clients::ServiceError;
use crate::metrics;
use chrono::{DateTime, Utc};
use contracts::rest::analytics::{
    BATCH_FACETS_LIMIT, BATCH_LINKS_LIMIT, Facet, FacetValue, StatsBatch, StatsBatchRequest, Totals, Window,
};
use futures::future::join_all;
use std::collections::{BTreeSet, HashMap};

/// One facet of one link's statistics in a time span.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatsOf {
    pub code: String,
    pub window: Window,
    pub facet: Facet,
}

#[derive(Debug, Clone)]
pub struct LoadedFacet {
    pub value: FacetValue,
    pub as_of: DateTime<Utc>,
    /// Whether it is a stale copy.
    pub stale: bool,
}

impl Key for StatsOf {
    type Value = LoadedFacet;
    /// The contract limits links and facets separately: see [`batches`].
    const LIMIT: usize = usize::MAX;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.stats
    }

    /// A time span that analytics refuses fails only its own fields.
    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let mut windows: HashMap<&Window, (BTreeSet<&str>, BTreeSet<&Facet>)> = HashMap::new();
        for key in keys {
            let (codes, facets) = windows.entry(&key.window).or_default();
            codes.insert(&key.code);
            facets.insert(&key.facet);
        }
        let batches = windows.into_iter().flat_map(|(window, (codes, facets))| batches(window, &codes, &facets));
        let answers = join_all(batches.map(|batch| loader.stats(batch))).await;
        Ok(answers.into_iter().flatten().collect())
    }
}

/// Splits the codes and facets of one time span into as few calls as the contract allows: nearly always one.
fn batches(window: &Window, codes: &BTreeSet<&str>, facets: &BTreeSet<&Facet>) -> Vec<StatsBatchRequest> {
    let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
    let facets: Vec<Facet> = facets.iter().map(|facet| (*facet).clone()).collect();
    let pairs = codes
        .chunks(BATCH_LINKS_LIMIT)
        .flat_map(|codes| facets.chunks(BATCH_FACETS_LIMIT).map(move |facets| (codes.to_vec(), facets.to_vec())));
    pairs.map(|(codes, facets)| StatsBatchRequest { codes, window: window.clone(), facets }).collect()
}

impl Loader {
    async fn stats(&self, request: StatsBatchRequest) -> Found<StatsOf> {
        match self.services().analytics().stats(&request).await {
            Ok(batch) => {
                self.0.stale_cache.keep(self.services().origin().key(), &request.window, &request.facets, &batch).await;
                fresh(&request, &batch)
            }
            Err(error) if error.is_absence() => self.answer_from_copies(&request, &error).await,
            Err(error) => keys(&request).map(|key| (key, Err(error.clone()))).collect(),
        }
    }

    /// Answers from stale copies where there are some, and with the error elsewhere.
    async fn answer_from_copies(&self, request: &StatsBatchRequest, error: &ServiceError) -> Found<StatsOf> {
        let user = self.services().origin().key();
        let mut copies = self.0.stale_cache.find(user, &request.window, &request.codes, &request.facets).await;
        metrics::answered_stale(copies.len());
        let answer = |key: StatsOf| {
            let copy = copies.remove(&(key.code.clone(), key.facet.clone()));
            let loaded = copy.map(|copy| LoadedFacet { value: copy.value, as_of: copy.as_of, stale: true });
            (key, loaded.ok_or_else(|| error.clone()))
        };
        keys(request).map(answer).collect()
    }
}

/// Returns the keys that a batch asks for.
fn keys(request: &StatsBatchRequest) -> impl Iterator<Item = StatsOf> {
    request.codes.iter().flat_map(|code| {
        request.facets.iter().map(|facet| StatsOf {
            code: code.clone(),
            window: request.window.clone(),
            facet: facet.clone(),
        })
    })
}

/// Splits a batch by key. Analytics leaves out links that it does not know yet. Shortener has just authorised them, so
/// they are new, and their counts are zero.
fn fresh(request: &StatsBatchRequest, batch: &StatsBatch) -> Found<StatsOf> {
    let place = |wanted: &Facet| request.facets.iter().position(|facet| facet == wanted);
    let answer = |key: StatsOf| {
        let values = batch.links.get(&key.code);
        let value = values.and_then(|values| values.get(place(&key.facet)?));
        let value = value.cloned().unwrap_or_else(|| nothing_yet(&key.facet));
        (key, Ok(LoadedFacet { value, as_of: batch.as_of, stale: false }))
    };
    keys(request).map(answer).collect()
}

fn nothing_yet(facet: &Facet) -> FacetValue {
    match facet {
        Facet::Totals | Facet::PreviousTotals => Totals::default().into(),
        Facet::Series { .. } => FacetValue::Series { points: Vec::new() },
        Facet::Top { .. } => FacetValue::Top { counts: Vec::new() },
    }
}
