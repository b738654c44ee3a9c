//! Bounds a call as a whole.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::Layer;
use crate::upstream::call::{Call, CallResult};
use crate::upstream::error::UpstreamError;

/// How much later than the deadline the call is cut off from outside. The innermost limit ends a try at the deadline
/// itself and calls it failed; cut off from outside it would look like a caller who went away.
const GRACE: Duration = Duration::from_millis(20);

/// Answers [`UpstreamError::Late`] when the time is over.
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
