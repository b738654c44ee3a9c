//! The stack of layers around every route. Its order is its documentation: outermost first.

use super::access_log::AccessLog;
use super::guard::{Guard, answer_panic};
use super::request_id::REQUEST_ID;
use super::{Failure, RequestId, TrustedProxies, coding};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use contracts::problem::Code;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::{Layer, Service};

/// What bounds a request.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body: usize,
    /// How long a request may take.
    pub time: Duration,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl From<&crate::config::Http> for Limits {
    fn from(http: &crate::config::Http) -> Self {
        Self { body: http.body_limit, time: http.request_timeout(), trusted_proxies: http.trusted_proxies.clone() }
    }
}

/// Puts the whole stack around `router`.
pub fn full(router: Router, limits: &Limits) -> Router {
    router.layer(Stack::new(limits))
}

/// Puts only what correctness needs around routes that must be fast: an id, the panic guard, and whose
/// word on addresses is believed.
pub fn bare(router: Router, limits: &Limits) -> Router {
    router.layer(Guard::new(&limits.trusted_proxies))
}

/// Joins routes with the [`full`] stack and [`bare`] ones. What is at no address of either is answered by the full
/// stack, or by the fallback of `router` where it has one.
pub fn joined(router: Router, fast: Router, limits: &Limits) -> Router {
    // Of two routers without fallbacks of their own, the one that is merged later answers for both.
    bare(fast, limits).merge(full(router, limits))
}

/// What is said of a write that was cut off.
const OUTCOME_UNKNOWN: &str =
    "The request took too long; whether it was done is not known. To repeat it with the same Idempotency-Key is safe.";

/// Everything around a route, outermost first. It is one layer: each costs allocations, and clones all that is within.
#[derive(Clone)]
struct Stack {
    body: usize,
    time: Duration,
    proxies: TrustedProxies,
}

impl Stack {
    fn new(limits: &Limits) -> Self {
        let proxies = TrustedProxies(limits.trusted_proxies.clone().into());
        Self { body: limits.body, time: limits.time, proxies }
    }

    /// What handlers and extractors look for in a request.
    fn prepare(&self, request: &mut Request, id: &RequestId) {
        request.headers_mut().insert(REQUEST_ID, id.to_header());
        // Whose word on addresses is believed.
        request.extensions_mut().insert(self.proxies.clone());
        // Handlers read bodies through extractors, which ask for this limit.
        DefaultBodyLimit::max(self.body).apply(request);
    }
}

impl<S> Layer<S> for Stack {
    type Service = Stacked<S>;

    fn layer(&self, inner: S) -> Stacked<S> {
        Stacked { inner, stack: self.clone() }
    }
}

/// A service within the [`Stack`].
#[derive(Clone)]
struct Stacked<S> {
    inner: S,
    stack: Stack,
}

impl<S> Service<Request> for Stacked<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = RequestId::of(request.headers());
        self.stack.prepare(&mut request, &id);
        let log = AccessLog::begin(&request, &id);
        let (time, is_read) = (self.stack.time, request.method().is_safe());
        // A route runs its handler when it is polled, not when it is called.
        let answer = (!coding::is_refused(&request)).then(|| self.inner.call(request));
        Box::pin(async move {
            let answer = async {
                // Bodies in a content coding are refused.
                let Some(answer) = answer else { return coding::refusal() };
                // A handler that hangs is cut off inside the log line, so that the line tells of it.
                let answer = cut_off(time, is_read, answer);
                // A panic becomes a 500 with a problem; inside the log line for the same reason.
                let answer = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(answer_panic);
                // Unknown routes and methods answer problems too.
                answer_bare_error(answer)
            };
            // One line and one measurement per request, in the caller's trace.
            let answer = log.write(answer);
            // Outermost: everything above may speak of the request's id.
            let mut response = id.clone().scope(answer).await;
            response.headers_mut().insert(REQUEST_ID, id.to_header());
            Ok(response)
        })
    }
}

async fn cut_off(
    limit: Duration,
    is_read: bool,
    answer: impl Future<Output = Result<Response, Infallible>>,
) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Err(_) if is_read => Failure::new(Code::Timeout, "The request took too long.").into_response(),
        Err(_) => Failure::new(Code::Timeout, OUTCOME_UNKNOWN).into_response(),
    }
}

/// Turns the router's own empty 404, 405 and 413 into problems.
fn answer_bare_error(response: Response) -> Response {
    if response.headers().contains_key(http::header::CONTENT_TYPE) {
        return response;
    }
    let failure = match response.status() {
        StatusCode::NOT_FOUND => Failure::new(Code::NotFound, "There is nothing at this address."),
        StatusCode::METHOD_NOT_ALLOWED => {
            Failure::new(Code::MethodNotAllowed, "This address does not take that method.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::new(Code::PayloadTooLarge, "The body is larger than this route takes.")
        }
        _ => return response,
    };
    let mut answer = failure.into_response();
    if let Some(allow) = response.headers().get(http::header::ALLOW) {
        answer.headers_mut().insert(http::header::ALLOW, allow.clone());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use contracts::problem::Problem;
    use http::header;
    use tower::ServiceExt;

    #[tokio::test]
    async fn a_body_in_a_content_coding_is_refused_with_those_that_are_taken() {
        let limits = Limits { body: 1024, time: Duration::from_secs(5), trusted_proxies: Vec::new() };
        let router = || full(Router::new().route("/", axum::routing::post(|body: String| async { body })), &limits);
        let send = async |coding: &str, body: &'static str| {
            let request = Request::post("/").header(header::CONTENT_ENCODING, coding).body(Body::from(body)).unwrap();
            router().oneshot(request).await.unwrap()
        };
        for coding in ["gzip", "br", "identity, gzip"] {
            let response = send(coding, "{}").await;
            assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{coding}");
            assert_eq!(response.headers()[header::ACCEPT_ENCODING], "identity");
        }
        assert_eq!(send("Identity", "{}").await.status(), StatusCode::OK);
        assert_eq!(send("gzip", "").await.status(), StatusCode::OK, "there is nothing that could be coded");
    }

    async fn ask(path: &str, method: &str) -> (Response, Problem) {
        let fast = Router::new().route("/fast", get(|| async { panic!("on purpose") as () }));
        let limits = Limits { body: 1024, time: Duration::from_millis(50), trusted_proxies: Vec::new() };
        let router = Router::new()
            .route("/panics", get(|| async { panic!("on purpose") as () }))
            .route("/hangs", get(std::future::pending::<()>));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = joined(router, fast, &limits).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 65_536).await.unwrap();
        let problem = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, Body::empty()), problem)
    }

    #[tokio::test]
    async fn whatever_goes_wrong_answers_a_problem_with_the_request_id() {
        for (path, method, code) in [
            ("/panics", "GET", Code::Internal),
            ("/hangs", "GET", Code::Timeout),
            ("/nowhere", "GET", Code::NotFound),
            ("/panics", "DELETE", Code::MethodNotAllowed),
            ("/fast", "GET", Code::Internal),
        ] {
            let (response, problem) = ask(path, method).await;
            assert_eq!(problem.code, code, "{path}");
            assert_eq!(response.status().as_u16(), code.status());
            assert_eq!(response.headers()[header::CONTENT_TYPE], contracts::problem::MEDIA_TYPE);
            let id = response.headers()[REQUEST_ID].to_str().unwrap();
            assert_eq!(problem.request_id.as_deref(), Some(id));
        }
    }
}
