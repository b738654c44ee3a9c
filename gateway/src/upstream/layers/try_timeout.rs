//! Bounds one try.

use super::Layer;
use crate::upstream::call::{Call, CallResult, Payload};
use crate::upstream::error::UpstreamError;
use crate::upstream::upload::Progress;
use std::time::Duration;
use tokio::time::timeout;

/// Ends a try at its timeout or at the deadline. A call with its own deadline may use all of it in one try.
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
            // While the upstream waits for the client's body, the client is late, not the upstream.
            let waits_for_client = upload.is_some_and(|upload| upload.progress() == Progress::Awaited);
            Err(if waits_for_client { UpstreamError::NoUpload } else { UpstreamError::Late })
        })
    }
}
