//! The canonical log line: one per request, with everything that is known at its end.

use super::RequestId;
use super::log_fields::LogFields;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use http::Method;
use std::time::Instant;
use tracing::{Instrument, Span};

/// Names a method as OpenTelemetry's conventions do: clients may invent as many as they like.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// A line that is written when its request is answered.
pub(super) struct AccessLog {
    began: Instant,
    method: &'static str,
    route: String,
    span: Span,
}

impl AccessLog {
    /// Begins to measure the request, in a span that continues the caller's trace.
    pub(super) fn begin(request: &Request, id: &RequestId) -> Self {
        let began = Instant::now();
        let method = known(request.method());
        let matched = request.extensions().get::<MatchedPath>();
        let route = matched.map_or("unmatched", MatchedPath::as_str).to_owned();
        let span = tracing::info_span!(
            "request",
            otel.name = format_args!("{method} {route}"),
            otel.kind = "server",
            http.request.method = method,
            http.route = route,
            request_id = id.as_str(),
            http.response.status_code = tracing::field::Empty,
        );
        crate::telemetry::continue_from(&span, request.headers());
        Self { began, method, route, span }
    }

    /// Waits for the answer and writes the line.
    pub(super) async fn write(self, answer: impl Future<Output = Response>) -> Response {
        let Self { began, method, route, span } = self;
        let fields = LogFields::default();
        let response = fields.clone().scope(answer).instrument(span.clone()).await;
        let status = response.status();
        span.record("http.response.status_code", status.as_u16());
        let took = began.elapsed();
        metrics::histogram!(
            "http_request_duration_seconds",
            "method" => method, "route" => route, "status" => status.as_str().to_owned()
        )
        .record(took.as_secs_f64());
        let trace_id = crate::telemetry::trace_id(&span);
        let _entered = span.enter();
        tracing::info!(
            trace_id,
            http.response.status_code = status.as_u16(),
            took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            facts = fields.to_json(),
            "A request was answered."
        );
        response
    }
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
