//! Measures and logs calls.

use super::Layer;
use crate::metrics;
use crate::upstream::call::{Call, CallResult};
use std::time::Instant;

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
        let began = Instant::now();
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
