//! The requests of one connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How many requests of a connection are under way. Clones are the same.
#[derive(Clone)]
pub(super) struct Requests(Arc<Mutex<Inner>>);

struct Inner {
    under_way: usize,
    /// When the last one ended; at first, when the connection was made.
    since: Instant,
}

impl Requests {
    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(Inner { under_way: 0, since: Instant::now() })))
    }

    pub(super) fn begin(&self) -> UnderWay {
        self.lock().under_way += 1;
        UnderWay(self.clone())
    }

    /// How much longer the connection may be without a request, of `idle`; nothing when it is over.
    pub(super) fn rest(&self, idle: Duration) -> Option<Duration> {
        let inner = self.lock();
        if inner.under_way > 0 {
            return Some(idle);
        }
        let rest = idle.checked_sub(inner.since.elapsed())?;
        (!rest.is_zero()).then_some(rest)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is under way until this is dropped.
pub(super) struct UnderWay(Requests);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.under_way -= 1;
        inner.since = Instant::now();
    }
}
