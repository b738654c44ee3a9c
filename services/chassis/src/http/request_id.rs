//! `X-Request-Id`: taken from the request when it is well formed, else made; always answered.

use axum::{extract::Request, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use uuid::Uuid;

/// The header's name.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client, in bytes.
const LONGEST: usize = 64;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The id of the request that is being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id of the request on whose behalf the current task runs, if any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Runs `work` as part of the request with this id.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Takes a well-formed id from `header`, or makes one.
    fn of(header: Option<&HeaderValue>) -> Self {
        let given = header.and_then(|value| value.to_str().ok()).filter(|id| is_well_formed(id));
        match given {
            Some(id) => Self(id.into()),
            None => Self(Uuid::now_v7().to_string().into()),
        }
    }
}

impl From<&str> for RequestId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

/// Whether an id from outside may stand in logs and headers as it is.
fn is_well_formed(id: &str) -> bool {
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// Gives every request an id and answers it.
pub(super) async fn assign(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers().get(REQUEST_ID));
    let value = HeaderValue::from_str(id.as_str()).expect("a well-formed id is a header value");
    request.headers_mut().insert(REQUEST_ID, value.clone());
    let mut response = id.scope(next.run(request)).await;
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_could_break_a_log_line_is_replaced() {
        for bad in ["", "a b", "a\"b", "ä", &"x".repeat(65)] {
            let header = HeaderValue::from_bytes(bad.as_bytes()).unwrap();
            assert_ne!(RequestId::of(Some(&header)).as_str(), bad);
        }
        let header = HeaderValue::from_static("order-17.a_B");
        assert_eq!(RequestId::of(Some(&header)).as_str(), "order-17.a_B");
    }
}
