//! Retries.

use super::Layer;
use crate::metrics;
use crate::upstream::call::{Call, CallResult, Payload};
use crate::upstream::error::UpstreamError;
use http::StatusCode;
use http::header::RETRY_AFTER;
use parking_lot::Mutex;
use rand::Rng;
use std::time::Duration;
use tokio::time::sleep;

/// The fraction of calls that may be retried.
const SHARE: f64 = 0.2;
/// The largest budget of retries, which is also the first one.
const SAVINGS: f64 = 10.0;
/// The pause before the second try, in milliseconds. It is random, so that calls that failed together are spread.
const PAUSE: std::ops::Range<u64> = 5..25;

/// The pause before another try to connect.
const RECONNECT: Duration = Duration::from_millis(50);

/// Tries to connect until the deadline. Repeats an idempotent call once when the upstream failed, as long as retries
/// are at most a fifth of the calls: more would double the load on a failing upstream.
pub struct Retry<L> {
    upstream: String,
    try_timeout: Duration,
    budget: Mutex<f64>,
    inner: L,
}

impl<L> Retry<L> {
    /// Creates the layer around another, for an upstream whose tries take at most `try_timeout`.
    pub fn new(upstream: &str, try_timeout: Duration, inner: L) -> Self {
        Self { upstream: upstream.to_owned(), try_timeout, budget: Mutex::new(SAVINGS), inner }
    }

    fn deposit(&self) {
        let mut budget = self.budget.lock();
        *budget = (*budget + SHARE).min(SAVINGS);
    }

    fn withdraw(&self) -> bool {
        let mut budget = self.budget.lock();
        let enough = *budget >= 1.0;
        if enough {
            *budget -= 1.0;
        }
        enough
    }

    /// Whether enough time is left for a second try. One that cannot succeed in time would count against the upstream.
    fn has_time(&self, call: &Call) -> bool {
        call.left().is_none_or(|left| left >= self.try_timeout / 4)
    }
}

impl<L: Layer> Layer for Retry<L> {
    async fn call(&self, call: Call) -> CallResult {
        self.deposit();
        let mut outcome = self.inner.call(call.clone()).await;
        // Without a connection nothing was sent, so any call may be tried again until its deadline.
        while matches!(outcome, Err(UpstreamError::Unreachable(_)))
            && call.payload.is_unsent()
            && call.left().is_some_and(|left| left > RECONNECT)
        {
            sleep(RECONNECT).await;
            outcome = self.inner.call(call.clone()).await;
        }
        let repeatable = call.idempotent && matches!(call.payload, Payload::Whole(_));
        if !repeatable || !is_worth_repeating(&outcome) || !self.has_time(&call) || !self.withdraw() {
            return outcome;
        }
        metrics::retried(&self.upstream);
        let pause = rand::rng().random_range(PAUSE);
        sleep(Duration::from_millis(pause)).await;
        self.inner.call(call).await
    }
}

/// Whether another try may succeed: not when the gateway refused the call, and not when the upstream sent
/// `Retry-After`.
fn is_worth_repeating(outcome: &CallResult) -> bool {
    match outcome {
        Ok(answer) => {
            let passing = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
            passing.contains(&answer.status) && !answer.headers.contains_key(RETRY_AFTER)
        }
        Err(UpstreamError::Reset(_) | UpstreamError::Late) => true,
        Err(_) => false,
    }
}
