//! Bounds a call as a whole.

use super::Layer;
use crate::upstream::call::{Call, CallResult};
use crate::upstream::error::UpstreamError;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The call is cancelled so much later than its deadline. [`TryTimeout`](super::TryTimeout) ends the try at the
/// deadline, which the breaker counts; cancelled from here, it would look as if the caller had left.
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
