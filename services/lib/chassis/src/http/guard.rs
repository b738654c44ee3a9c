//! What correctness needs around an answer that must be fast, and nothing else.

use super::request_id::REQUEST_ID;
use super::{Failure, RequestId, TrustedProxies};
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt;
use std::any::Any;
use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Answers a request under its id; a panic becomes a problem.
pub(super) async fn guarded(id: RequestId, answer: impl Future<Output = Response>) -> Response {
    let value = id.to_header();
    let answer = async {
        match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(response) => response,
            Err(panic) => answer_panic(panic),
        }
    };
    let mut response = id.scope(answer).await;
    response.headers_mut().insert(REQUEST_ID, value);
    response
}

// The panic is handed over.
#[allow(clippy::needless_pass_by_value)]
pub(super) fn answer_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let reason = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("unknown");
    Failure::internal(anyhow::anyhow!("a handler panicked: {reason}")).into_response()
}

/// Guards routes, and says whose word on addresses is believed: one layer, since each costs allocations.
#[derive(Clone)]
pub(super) struct Guard {
    proxies: TrustedProxies,
}

impl Guard {
    pub(super) fn new(trusted_proxies: &[IpAddr]) -> Self {
        Self { proxies: TrustedProxies(trusted_proxies.into()) }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, proxies: self.proxies.clone() }
    }
}

/// A service within a [`Guard`].
#[derive(Clone)]
pub(super) struct Guarded<S> {
    inner: S,
    proxies: TrustedProxies,
}

impl<S> Service<Request> for Guarded<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let id = RequestId::of(request.headers());
        request.extensions_mut().insert(self.proxies.clone());
        // A route runs its handler when it is polled, not when it is called.
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = async {
                let Ok(response) = answer.await;
                response
            };
            Ok(guarded(id, answer).await)
        })
    }
}
