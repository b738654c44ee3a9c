//! Bounds one try.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::timeout;

use super::Deadline;
use crate::stack::{Layer, Next, Outcome};
use crate::upstream::call::{Call, Payload};
use crate::upstream::error::UpstreamError;
use crate::upstream::upload::Progress;

/// Ends a try that takes too long, or that would outlive the deadline. A call with a deadline of its own may use it up
/// in one try.
pub struct TryTimeout {
    limit: Duration,
}

impl TryTimeout {
    /// Creates the layer.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl Layer for TryTimeout {
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome> {
        let limit = call.deadline.unwrap_or(self.limit);
        let limit = Deadline::left().map_or(limit, |left| left.min(limit));
        let upload = match &call.payload {
            Payload::Stream(upload) => Some(upload.watch()),
            Payload::Whole(_) => None,
        };
        Box::pin(async move {
            let outcome = timeout(limit, next.call(call)).await;
            outcome.unwrap_or_else(|_| {
                // The upstream cannot answer what it has not got: then it was the client who was late.
                let waits_for_client = upload.is_some_and(|upload| upload.progress() == Progress::Awaited);
                Err(if waits_for_client { UpstreamError::NoUpload } else { UpstreamError::Late })
            })
        })
    }
}
