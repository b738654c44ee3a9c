//! Bounds how many calls are under way.

use super::Layer;
use crate::metrics;
use crate::permits::Permits;
use crate::upstream::call::{Call, CallResult};
use crate::upstream::error::UpstreamError;
use tokio::sync::Semaphore;

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
