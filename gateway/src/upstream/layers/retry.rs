//! Tries once more.

use std::time::Duration;

use futures::future::BoxFuture;
use http::StatusCode;
use http::header::RETRY_AFTER;
use parking_lot::Mutex;
use rand::Rng;
use tokio::time::sleep;

use super::Deadline;
use crate::metrics;
use crate::stack::{Layer, Next, Outcome};
use crate::upstream::call::{Call, Payload};
use crate::upstream::error::UpstreamError;

/// The share of calls that may be retried.
const SHARE: f64 = 0.2;
/// How many retries can be saved up; a quiet upstream begins with so many.
const SAVINGS: f64 = 10.0;
/// The pause before the second try, in milliseconds: it spreads those that failed together.
const PAUSE: std::ops::Range<u64> = 5..25;

/// The pause before another try to connect.
const RECONNECT: Duration = Duration::from_millis(50);

/// Tries to connect for as long as the call may take. Repeats an idempotent call once when the upstream failed, as long as retries are at most a fifth of the calls:
/// when everything fails, twice the load is the last thing that helps.
pub struct Retry {
    upstream: String,
    try_timeout: Duration,
    budget: Mutex<f64>,
}

impl Retry {
    /// Creates the layer for an upstream whose tries take at most `try_timeout`.
    #[must_use]
    pub fn new(upstream: &str, try_timeout: Duration) -> Self {
        Self { upstream: upstream.to_owned(), try_timeout, budget: Mutex::new(SAVINGS) }
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

    /// Whether a second try can still be worth its while: one with hardly any time is a failure foretold, and the
    /// breaker would count it.
    fn has_time(&self) -> bool {
        Deadline::left().is_none_or(|left| left >= self.try_timeout / 4)
    }
}

impl Layer for Retry {
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            self.deposit();
            let again = call.clone();
            let mut outcome = next.clone().call(call).await;
            // What found no connection was never sent: anything may be tried again, as long as its caller waits.
            while matches!(outcome, Err(UpstreamError::Unreachable(_)))
                && again.payload.is_unsent()
                && Deadline::left().is_some_and(|left| left > RECONNECT)
            {
                sleep(RECONNECT).await;
                outcome = next.clone().call(again.clone()).await;
            }
            let repeatable = again.idempotent && matches!(again.payload, Payload::Whole(_));
            if !repeatable || !is_worth_repeating(&outcome) || !self.has_time() || !self.withdraw() {
                return outcome;
            }
            metrics::retried(&self.upstream);
            let pause = rand::rng().random_range(PAUSE);
            sleep(Duration::from_millis(pause)).await;
            next.call(again).await
        })
    }
}

/// Whether another try may end differently. Never when we refused ourselves, and never when the upstream has said
/// when to come back.
fn is_worth_repeating(outcome: &Outcome) -> bool {
    match outcome {
        Ok(answer) => {
            let passing = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
            passing.contains(&answer.status) && !answer.headers.contains_key(RETRY_AFTER)
        }
        Err(UpstreamError::Reset(_) | UpstreamError::Late) => true,
        Err(_) => false,
    }
}
