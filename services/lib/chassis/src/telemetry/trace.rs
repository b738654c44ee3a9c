//! The trace that work belongs to: read from headers, passed on, and told in log lines.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::span::{Attributes, Id};
use tracing::{Dispatch, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, layer};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Gives spans their ids and nothing else, where nobody exports them: traces pass through, and no span is recorded.
pub(super) struct Passing;

impl<S: Subscriber + for<'span> LookupSpan<'span>> Layer<S> for Passing {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, context: layer::Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let parent = span.parent().and_then(|parent| parent.extensions().get::<SpanContext>().cloned());
        let parent = parent.unwrap_or_else(|| {
            let id = TraceId::from(rand::random::<u128>());
            SpanContext::new(id, SpanId::INVALID, TraceFlags::SAMPLED, false, TraceState::NONE)
        });
        span.extensions_mut().insert(child(&parent));
    }
}

/// A new span of the trace of `parent`.
fn child(parent: &SpanContext) -> SpanContext {
    let id = SpanId::from(rand::random::<u64>());
    SpanContext::new(parent.trace_id(), id, parent.trace_flags(), false, parent.trace_state().clone())
}

/// What [`Passing`] gave a span; nothing where spans are exported.
fn passing<T>(span: &Span, work: impl FnOnce(&mut SpanContext) -> T) -> Option<T> {
    let within = |(id, dispatch): (&Id, &Dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.extensions_mut().get_mut::<SpanContext>().map(work)
    };
    span.with_subscriber(within).flatten()
}

fn context_of(span: &Span) -> SpanContext {
    passing(span, |context| context.clone()).unwrap_or_else(|| span.context().span().span_context().clone())
}

/// The trace context that `headers` carry (W3C `traceparent` and `tracestate`).
#[must_use]
pub fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract(&HeaderExtractor(headers))
}

/// Makes `span` a child of the trace that `headers` carry, if they carry one.
pub(crate) fn continue_from(span: &Span, headers: &HeaderMap) {
    if !headers.contains_key(TRACEPARENT) {
        return;
    }
    let parent = extract(headers);
    let told = parent.span().span_context().clone();
    let passed = passing(span, |context| {
        if told.is_valid() {
            *context = child(&told);
        }
    });
    if passed.is_none() {
        let _ = span.set_parent(parent);
    }
}

/// Writes the current trace context into `headers`.
pub fn inject(headers: &mut HeaderMap) {
    let context = context_of(&Span::current());
    if let Some(value) = told(&context).and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
    let state = context.trace_state().header();
    if !state.is_empty()
        && let Ok(value) = HeaderValue::try_from(state)
    {
        headers.insert(TRACESTATE, value);
    }
}

/// The current trace context as a `traceparent`, for messages; nothing outside a trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    told(&context_of(&Span::current()))
}

fn told(context: &SpanContext) -> Option<String> {
    let flags = context.trace_flags().to_u8();
    context.is_valid().then(|| format!("00-{}-{}-{flags:02x}", context.trace_id(), context.span_id()))
}

/// The id of the trace that `span` belongs to, for log lines.
#[must_use]
pub fn trace_id(span: &Span) -> String {
    context_of(span).trace_id().to_string()
}

/// Makes `span` a child of the trace that `traceparent` names; one that is malformed is ignored.
pub fn continue_trace(span: &Span, traceparent: &str) {
    if let Ok(value) = HeaderValue::from_str(traceparent) {
        continue_from(span, &HeaderMap::from_iter([(TRACEPARENT, value)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TracerProvider as _;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    /// Traces pass through a span of a request and one below it, exported or not.
    fn passes_through(dispatch: impl Into<Dispatch>) {
        with_default_dispatch(&dispatch.into(), || {
            let headers = HeaderMap::from_iter([
                (TRACEPARENT, HeaderValue::from_static(PARENT)),
                (TRACESTATE, HeaderValue::from_static("vendor=1")),
            ]);
            let request = tracing::info_span!("request");
            continue_from(&request, &headers);
            assert_eq!(trace_id(&request), "0af7651916cd43dd8448eb211c80319c");
            let (mut of_request, mut of_below) = (HeaderMap::new(), HeaderMap::new());
            request.in_scope(|| inject(&mut of_request));
            let below = request.in_scope(|| tracing::info_span!("below"));
            below.in_scope(|| inject(&mut of_below));
            for headers in [&of_request, &of_below] {
                let told = headers[TRACEPARENT].to_str().unwrap();
                assert!(told.starts_with(&PARENT[..36]) && told.ends_with("-01"), "{told}");
                assert_eq!(headers[TRACESTATE], "vendor=1");
            }
            assert_ne!(of_request[TRACEPARENT], of_below[TRACEPARENT], "each span has its own id");
        });
    }

    fn with_default_dispatch(dispatch: &Dispatch, work: impl FnOnce()) {
        tracing::dispatcher::with_default(dispatch, work);
    }

    #[test]
    fn a_trace_passes_through_where_nobody_exports_it() {
        passes_through(tracing_subscriber::registry().with(Passing));
    }

    #[test]
    fn a_trace_passes_through_where_it_is_exported() {
        let provider = SdkTracerProvider::builder().build();
        let exported = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        passes_through(tracing_subscriber::registry().with(exported));
    }

    #[test]
    fn a_request_without_a_trace_begins_one_and_an_empty_state_is_not_sent() {
        with_default(tracing_subscriber::registry().with(Passing), || {
            let (one, other) = (tracing::info_span!("request"), tracing::info_span!("request"));
            continue_from(&one, &HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_static("00-nonsense-01"))]));
            assert_ne!(trace_id(&one), trace_id(&other));
            assert!(one.in_scope(traceparent).is_some_and(|told| told.contains(&trace_id(&one))));
            let mut headers = HeaderMap::new();
            one.in_scope(|| inject(&mut headers));
            assert_eq!(headers.keys().collect::<Vec<_>>(), [&TRACEPARENT]);
        });
        assert_eq!(traceparent(), None, "outside of a trace");
    }
}
