//! Bounds how many calls are under way.

use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::metrics;
use crate::stack::{Layer, Next, Outcome};
use crate::upstream::call::Call;
use crate::upstream::error::UpstreamError;

/// Sheds calls beyond a number at once, without a queue: a slow upstream must not fill the gateway with waiting calls.
pub struct Bulkhead {
    upstream: String,
    places: Semaphore,
}

impl Bulkhead {
    /// Creates the layer with so many places.
    #[must_use]
    pub fn new(upstream: &str, places: usize) -> Self {
        Self { upstream: upstream.to_owned(), places: Semaphore::new(places) }
    }
}

impl Layer for Bulkhead {
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let Ok(_place) = self.places.try_acquire() else {
                metrics::shed(&self.upstream);
                return Err(UpstreamError::Shed);
            };
            next.call(call).await
        })
    }
}
