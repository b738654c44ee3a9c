//! The breaker.

use axum::body::Body;
use breaker::{Breaker, Outcome as Verdict};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::stack::{Layer, Next, Outcome};
use crate::upstream::call::{Answer, AnswerBody, Call};
use crate::upstream::error::UpstreamError;

/// Refuses calls while the breaker is open, and tells it how calls end.
pub struct Circuit {
    breaker: Breaker,
}

impl Circuit {
    /// Creates the layer around a breaker.
    #[must_use]
    pub const fn new(breaker: Breaker) -> Self {
        Self { breaker }
    }
}

impl Layer for Circuit {
    fn call(&self, call: Call, next: Next) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let permit = self.breaker.acquire().map_err(|refused| UpstreamError::Refused {
                state: refused.state.as_str(),
                retry_after: refused.retry_after,
            })?;
            let outcome = next.call(call).await;
            permit.finish(verdict(&outcome));
            outcome.map(|answer| watch(answer, &self.breaker))
        })
    }
}

/// What the end of a call says about the upstream: failures are those that DESIGN names, and what the client or we
/// ourselves caused says nothing.
fn verdict(outcome: &Outcome) -> Verdict {
    match outcome {
        Ok(answer) => match answer.status.as_u16() {
            500 | 502 | 503 | 504 => Verdict::Failure,
            100..=399 => Verdict::Success,
            _ => Verdict::Neutral,
        },
        Err(
            UpstreamError::Late | UpstreamError::Unreachable(_) | UpstreamError::Reset(_) | UpstreamError::BadBody(_),
        ) => Verdict::Failure,
        Err(
            UpstreamError::Refused { .. } | UpstreamError::Shed | UpstreamError::NoUpload | UpstreamError::TooLarge,
        ) => Verdict::Neutral,
    }
}

/// A stream's call has ended with its headers (a live feed would hold a half-open permit for hours); a body that
/// breaks off afterwards is a failure all the same.
fn watch(answer: Answer, breaker: &Breaker) -> Answer {
    let body = match answer.body {
        AnswerBody::Whole(bytes) => AnswerBody::Whole(bytes),
        AnswerBody::Stream(body) => {
            let breaker = breaker.clone();
            let watched = body.into_data_stream().inspect_err(move |_| breaker.record(Verdict::Failure));
            AnswerBody::Stream(Body::from_stream(watched))
        }
    };
    Answer { body, ..answer }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn only_what_the_upstream_did_is_held_against_it() {
        let answered = |status: u16| {
            let status = StatusCode::from_u16(status).expect("a status");
            verdict(&Ok(Answer { status, headers: HeaderMap::new(), body: AnswerBody::Whole(Bytes::new()) }))
        };
        let by_status = [200, 204, 302, 304, 400, 401, 404, 409, 410, 429, 499, 500, 501, 502, 503, 504].map(answered);
        use Verdict::{Failure as F, Neutral as N, Success as S};
        assert_eq!(by_status, [S, S, S, S, N, N, N, N, N, N, N, F, N, F, F, F]);

        let cause = || Arc::new(anyhow::anyhow!("a cause"));
        for error in [UpstreamError::Late, UpstreamError::Reset(cause()), UpstreamError::BadBody(cause())] {
            assert_eq!(verdict(&Err(error)), F);
        }
        for error in [UpstreamError::Shed, UpstreamError::NoUpload, UpstreamError::TooLarge] {
            assert_eq!(verdict(&Err(error)), N);
        }
    }
}
