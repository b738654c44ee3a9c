//! The canonical log line: one per request, with everything that is known at its end.

use super::{RequestId, facts::Facts};
use axum::{
    extract::{MatchedPath, Request},
    middleware::Next,
    response::Response,
};
use http::Method;
use std::time::Instant;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Names a method as OpenTelemetry's conventions do: clients may invent as many as they like.
fn known(method: &Method) -> &str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if known.contains(method) { method.as_str() } else { "_OTHER" }
}

/// Measures and logs the request, in a span that continues the caller's trace.
pub(super) async fn canonical(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = known(request.method()).to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        request_id = RequestId::current().as_ref().map(RequestId::as_str),
        http.response.status_code = tracing::field::Empty,
    );
    let _ = span.set_parent(crate::telemetry::extract(request.headers()));
    let facts = Facts::default();
    let response = facts.clone().scope(next.run(request)).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    let took = began.elapsed();
    let labels = [("method", method), ("route", route.clone()), ("status", status.to_string())];
    metrics::histogram!("http_request_duration_seconds", &labels).record(took.as_secs_f64());
    let trace_id = crate::telemetry::trace_id(&span);
    let _entered = span.enter();
    tracing::info!(
        trace_id,
        http.response.status_code = status,
        took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        facts = facts.to_json(),
        "A request was answered."
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_nobody_knows_have_one_name() {
        assert_eq!(known(&Method::PATCH), "PATCH");
        for invented in ["PURGE", "get", "X123"] {
            assert_eq!(known(&invented.parse().unwrap()), "_OTHER");
        }
    }
}
