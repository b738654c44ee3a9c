//! One fetch at a time, which all who need it share.

use anyhow::Context as _;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long one fetch may take.
const LIMIT: Duration = Duration::from_secs(2);

/// A fetch; its outcome stays.
pub(super) type Fetch = Shared<BoxFuture<'static, Result<(), Arc<anyhow::Error>>>>;

/// Starts fetches, never two at once.
#[derive(Default)]
pub(super) struct SingleFlight(Mutex<Option<Latest>>);

struct Latest {
    began: Instant,
    fetch: Fetch,
}

impl SingleFlight {
    /// Returns the fetch that is under way, or the latest one if it began less than `pause` ago; else starts `work`,
    /// which goes on whoever waits for it, for 2 s at most. A failure is logged.
    pub(super) fn fetch<F>(&self, what: &'static str, pause: Duration, work: impl FnOnce() -> F) -> Fetch
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = latest.as_ref().filter(|last| last.fetch.peek().is_none() || last.began.elapsed() < pause);
        if let Some(last) = last {
            return last.fetch.clone();
        }
        let work = work();
        let fetch = async move {
            let outcome = tokio::time::timeout(LIMIT, work).await.context("no answer came in time").flatten();
            outcome.map_err(|error| {
                tracing::warn!(fetch.of = what, error = format!("{error:#}"), "A fetch from the issuer failed.");
                Arc::new(error)
            })
        };
        let fetch = fetch.boxed().shared();
        tokio::spawn(fetch.clone());
        *latest = Some(Latest { began: Instant::now(), fetch: fetch.clone() });
        fetch
    }
}
