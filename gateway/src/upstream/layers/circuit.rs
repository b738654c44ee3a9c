//! The breaker.

use super::Layer;
use crate::upstream::call::{Call, CallResult, Class, UpstreamBody, UpstreamResponse};
use crate::upstream::error::UpstreamError;
use axum::body::Body;
use breaker::{Afterwards, Breaker, Outcome};
use futures::TryStreamExt;
use std::time::{Duration, Instant};

/// A 5xx response that takes so long counts like a late one.
const SLOW: Duration = Duration::from_secs(1);

/// Refuses calls while the breaker is open, and tells it how calls end.
pub struct Circuit<L> {
    breaker: Breaker,
    inner: L,
}

impl<L> Circuit<L> {
    pub const fn new(breaker: Breaker, inner: L) -> Self {
        Self { breaker, inner }
    }
}

impl<L: Layer> Layer for Circuit<L> {
    async fn call(&self, call: Call) -> CallResult {
        let class = call.class;
        let permit = self
            .breaker
            .acquire(class.index(), &call.caller)
            .map_err(|refused| UpstreamError::Refused { why: refused.why, retry_after: refused.retry_after })?;
        let began = Instant::now();
        let outcome = self.inner.call(call).await;
        let afterwards = permit.finish(judge(class, &outcome, began.elapsed()));
        outcome.map(|answer| watch(answer, afterwards))
    }
}

/// Judges the upstream by the end of a call. What the client or the gateway caused is neutral.
fn judge(class: Class, outcome: &CallResult, took: Duration) -> Outcome {
    match outcome {
        Ok(answer) => match answer.status.as_u16() {
            100..=399 => Outcome::Success,
            500 | 502 | 503 if answer.sheds() => Outcome::Neutral,
            500 | 502 | 503 if took >= SLOW => Outcome::Broken,
            // Shortener still redirects links in its cache while it answers 503 for others.
            500 | 502 | 503 if class == Class::Redirect => Outcome::Neutral,
            500 | 502 | 503 => Outcome::Unable,
            504 => Outcome::Broken,
            _ => Outcome::Neutral,
        },
        Err(UpstreamError::Unreachable(_)) => Outcome::Failure,
        Err(UpstreamError::Late | UpstreamError::Reset(_) | UpstreamError::BadBody(_)) => Outcome::Broken,
        Err(_) => Outcome::Neutral,
    }
}

/// A streamed call ends with its headers, or it would hold a half-open permit for hours. A body that breaks off later
/// still counts as broken. Streams of events do not: they all break when the service restarts.
fn watch(answer: UpstreamResponse, afterwards: Afterwards) -> UpstreamResponse {
    let is_live = answer.is_live();
    let body = match answer.body {
        UpstreamBody::Stream(body) if !is_live => {
            let watched = body.into_data_stream().inspect_err(move |_| afterwards.record(Outcome::Broken));
            UpstreamBody::Stream(Body::from_stream(watched))
        }
        body => body,
    };
    UpstreamResponse { body, ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use contracts::problem::{Code, MEDIA_TYPE, Problem};
    use http::header::CONTENT_TYPE;
    use http::{HeaderMap, StatusCode};
    use std::sync::Arc;

    fn answer(status: u16, body: Bytes) -> CallResult {
        let status = StatusCode::from_u16(status).expect("a status");
        Ok(UpstreamResponse { status, headers: HeaderMap::new(), body: UpstreamBody::Whole(body) })
    }

    #[test]
    fn only_what_the_upstream_did_is_held_against_it() {
        use Outcome::{Broken as B, Neutral as N, Success as S, Unable as U};
        let statuses = [200, 204, 302, 304, 400, 401, 404, 409, 410, 429, 499, 500, 501, 502, 503, 504];
        let judged = |class, took| statuses.map(|status| judge(class, &answer(status, Bytes::new()), took));
        let fast = Duration::from_millis(999);
        assert_eq!(judged(Class::Read, fast), [S, S, S, S, N, N, N, N, N, N, N, U, N, U, U, B]);
        assert_eq!(judged(Class::Write, SLOW), [S, S, S, S, N, N, N, N, N, N, N, B, N, B, B, B]);
        assert_eq!(judged(Class::Redirect, fast), [S, S, S, S, N, N, N, N, N, N, N, N, N, N, N, B]);

        let cause = || Arc::new(anyhow::anyhow!("a cause"));
        let failed = |error| judge(Class::Read, &Err(error), fast);
        assert_eq!(failed(UpstreamError::Unreachable(cause())), Outcome::Failure);
        for error in [UpstreamError::Late, UpstreamError::Reset(cause()), UpstreamError::BadBody(cause())] {
            assert_eq!(failed(error), B);
        }
        for error in [
            UpstreamError::Shed,
            UpstreamError::NoUpload,
            UpstreamError::TooLarge,
            UpstreamError::UploadCut(cause()),
            UpstreamError::Unbuildable(cause()),
        ] {
            assert_eq!(failed(error), N);
        }
    }

    #[test]
    fn a_service_that_sheds_is_well_however_long_it_took() {
        let shed = serde_json::to_vec(&Problem::new(Code::Overloaded, "Too many log-ins.")).expect("JSON");
        let mut outcome = answer(503, shed.into());
        let headers = &mut outcome.as_mut().expect("an answer").headers;
        headers.insert(CONTENT_TYPE, MEDIA_TYPE.parse().expect("a value"));
        assert_eq!(judge(Class::Write, &outcome, Duration::from_secs(3)), Outcome::Neutral);
    }
}
