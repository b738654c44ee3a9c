//! The layers of the stack. [`super::stack`] has their order and its reasons. Those of a few lines are here.

mod circuit;
mod retry;
mod single_flight;

use super::call::{Call, CallResult, Payload};
use super::error::UpstreamError;
use super::upload::Progress;
use crate::metrics;
use crate::permits::Permits;
pub use circuit::Circuit;
pub use retry::Retry;
pub use single_flight::SingleFlight;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

/// One layer. Each holds the next as a type, so that a call is one future.
pub trait Layer: Send + Sync + 'static {
    fn call(&self, call: Call) -> impl Future<Output = CallResult> + Send;
}

/// Measures how long calls take and how they end. Logs those without a response.
pub struct Measure<L> {
    upstream: String,
    inner: L,
}

impl<L> Measure<L> {
    pub fn new(upstream: &str, inner: L) -> Self {
        Self { upstream: upstream.to_owned(), inner }
    }
}

impl<L: Layer> Layer for Measure<L> {
    async fn call(&self, call: Call) -> CallResult {
        let began = std::time::Instant::now();
        let outcome = self.inner.call(call).await;
        let word = match &outcome {
            Ok(answer) if answer.status.is_server_error() => "server_error",
            Ok(answer) if answer.status.is_client_error() => "client_error",
            Ok(_) => "ok",
            Err(error) => {
                // The path is not logged: it may hold what a person searched for.
                tracing::warn!(upstream = self.upstream, error = format!("{error:#}"), "A call has no answer.");
                error.code().as_str()
            }
        };
        metrics::called(&self.upstream, word, began.elapsed());
        outcome
    }
}

/// The call is cancelled so much later than its deadline. [`TryTimeout`] ends the try at the deadline,
/// which the breaker counts; cancelled from here, it would look as if the caller had left.
const GRACE: Duration = Duration::from_millis(20);

/// Ends a call with [`UpstreamError::Late`] at its deadline.
pub struct Deadline<L> {
    limit: Duration,
    inner: L,
}

impl<L> Deadline<L> {
    pub const fn new(limit: Duration, inner: L) -> Self {
        Self { limit, inner }
    }
}

impl<L: Layer> Layer for Deadline<L> {
    async fn call(&self, call: Call) -> CallResult {
        let until = Instant::now() + call.patience.unwrap_or(self.limit);
        let work = self.inner.call(Call { until: Some(until), ..call });
        timeout_at(until + GRACE, work).await.unwrap_or(Err(UpstreamError::Late))
    }
}

/// One caller may have this fraction of the places.
const SHARE: usize = 4;

/// Sheds calls beyond a number under way. There is no queue, because a slow upstream would fill the gateway with
/// waiting calls.
pub struct Bulkhead<L> {
    upstream: String,
    places: Semaphore,
    callers: Permits,
    inner: L,
}

impl<L> Bulkhead<L> {
    pub fn new(upstream: &str, places: usize, inner: L) -> Self {
        let callers = Permits::new(places.div_ceil(SHARE));
        Self { upstream: upstream.to_owned(), places: Semaphore::new(places), callers, inner }
    }
}

impl<L: Layer> Layer for Bulkhead<L> {
    async fn call(&self, call: Call) -> CallResult {
        let share = self.callers.take(&call.caller);
        // Calls on nobody's behalf, as for keys, may have all places.
        let has_share = share.is_some() || call.caller.is_empty();
        let (true, Ok(_place)) = (has_share, self.places.try_acquire()) else {
            metrics::shed(&self.upstream);
            return Err(UpstreamError::Shed);
        };
        self.inner.call(call).await
    }
}

/// Ends a try at its timeout or at the deadline. A call with its own deadline may use all of it in one try.
pub struct TryTimeout<L> {
    limit: Duration,
    inner: L,
}

impl<L> TryTimeout<L> {
    pub const fn new(limit: Duration, inner: L) -> Self {
        Self { limit, inner }
    }
}

impl<L: Layer> Layer for TryTimeout<L> {
    async fn call(&self, call: Call) -> CallResult {
        let limit = call.patience.unwrap_or(self.limit);
        let limit = call.left().map_or(limit, |left| left.min(limit));
        let upload = match &call.payload {
            Payload::Stream(upload) => Some(upload.watch()),
            Payload::Whole(_) => None,
        };
        timeout(limit, self.inner.call(call)).await.unwrap_or_else(|_| {
            // While the upstream waits for the client's body, the client is late, not the upstream.
            let waits_for_client = upload.is_some_and(|upload| upload.progress() == Progress::Awaited);
            Err(if waits_for_client { UpstreamError::NoUpload } else { UpstreamError::Late })
        })
    }
}
