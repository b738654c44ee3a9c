//! Bounds a call as a whole.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use crate::stack::{Layer, Next, Outcome};
use crate::upstream::call::Call;
use crate::upstream::error::UpstreamError;

tokio::task_local! {
    static UNTIL: Instant;
}

/// How much later than the deadline the call is cut off from outside. The innermost limit ends a try at the deadline
/// itself and calls it failed; cut off from outside it would look like a caller who went away.
const GRACE: Duration = Duration::from_millis(20);

/// Answers [`UpstreamError::Late`] when the time is over.
pub struct Deadline {
    limit: Duration,
}

impl Deadline {
    /// Creates the layer with the upstream's usual limit.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }

    /// Returns how much time the current call has left.
    #[must_use]
    pub fn left() -> Option<Duration> {
        UNTIL.try_with(|until| until.saturating_duration_since(Instant::now())).ok()
    }

    /// Runs `work` with the deadline of the current call, where it will be polled by others.
    pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let until = UNTIL.try_with(|until| *until).ok();
        async move {
            match until {
                Some(until) => UNTIL.scope(until, work).await,
                None => work.await,
            }
        }
    }
}

impl Layer for Deadline {
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome> {
        let until = Instant::now() + call.deadline.unwrap_or(self.limit);
        Box::pin(async move {
            let work = UNTIL.scope(until, next.call(call));
            timeout_at(until + GRACE, work).await.unwrap_or(Err(UpstreamError::Late))
        })
    }
}
