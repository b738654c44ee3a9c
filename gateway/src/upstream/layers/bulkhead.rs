//! Bounds how many calls are under way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::Layer;
use crate::metrics;
use crate::upstream::call::{Call, CallResult};
use crate::upstream::error::UpstreamError;

/// The part of the places that one caller may have, so that none has them all.
const SHARE: usize = 4;

/// Sheds calls beyond a number at once, without a queue: a slow upstream must not fill the gateway with waiting calls.
pub struct Bulkhead<L> {
    upstream: String,
    places: Semaphore,
    share: usize,
    /// How many places each caller has.
    taken: Mutex<HashMap<Arc<str>, usize>>,
    inner: L,
}

impl<L> Bulkhead<L> {
    pub fn new(upstream: &str, places: usize, inner: L) -> Self {
        let share = places.div_ceil(SHARE);
        Self { upstream: upstream.to_owned(), places: Semaphore::new(places), share, taken: Mutex::default(), inner }
    }

    /// Takes one of a caller's own places. Calls of nobody's, as for keys, have no share.
    fn take(&self, caller: &Arc<str>) -> Option<Own<'_>> {
        let mut taken = self.taken.lock();
        let count = taken.entry(Arc::clone(caller)).or_default();
        if *count >= self.share && !caller.is_empty() {
            return None;
        }
        *count += 1;
        Some(Own { caller: Arc::clone(caller), taken: &self.taken })
    }
}

impl<L: Layer> Layer for Bulkhead<L> {
    async fn call(&self, call: Call) -> CallResult {
        let own = self.take(&call.caller);
        let (Some(_own), Ok(_place)) = (own, self.places.try_acquire()) else {
            metrics::shed(&self.upstream);
            return Err(UpstreamError::Shed);
        };
        self.inner.call(call).await
    }
}

/// A place of a caller's; free again when dropped.
struct Own<'a> {
    caller: Arc<str>,
    taken: &'a Mutex<HashMap<Arc<str>, usize>>,
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.caller);
            }
        }
    }
}
