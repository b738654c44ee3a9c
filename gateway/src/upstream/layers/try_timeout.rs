//! Bounds one try.

use std::time::Duration;

use tokio::time::timeout;

use super::Layer;
use crate::upstream::call::{Call, CallResult, Payload};
use crate::upstream::error::UpstreamError;
use crate::upstream::upload::Progress;

/// Ends a try that takes too long, or that would outlive the deadline. A call with a patience of its own may use it up in
/// one try.
pub struct TryTimeout<L> {
    limit: Duration,
    inner: L,
}

impl<L> TryTimeout<L> {
    pub const fn new(limit: Duration, inner: L) -> Self {
        Self { limit, inner }
    }
}

impl<L: Layer> Layer for TryTimeout<L> {
    async fn call(&self, call: Call) -> CallResult {
        let limit = call.patience.unwrap_or(self.limit);
        let limit = call.left().map_or(limit, |left| left.min(limit));
        let upload = match &call.payload {
            Payload::Stream(upload) => Some(upload.watch()),
            Payload::Whole(_) => None,
        };
        timeout(limit, self.inner.call(call)).await.unwrap_or_else(|_| {
            // The upstream cannot answer what it has not got: then it was the client who was late.
            let waits_for_client = upload.is_some_and(|upload| upload.progress() == Progress::Awaited);
            Err(if waits_for_client { UpstreamError::NoUpload } else { UpstreamError::Late })
        })
    }
}
