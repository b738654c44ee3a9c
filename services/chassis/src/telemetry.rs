//! Logs, traces and metrics.

use crate::config::{Common, LogFormat};
use anyhow::Context as _;
use http::{HeaderMap, HeaderValue};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{TraceContextExt, TracerProvider as _},
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use std::{io::IsTerminal, time::Duration};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Bounds of histogram buckets, in seconds: 0.5 ms to 10 s.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How many lines of the log wait for whoever reads them; beyond, lines are dropped.
const LINES: usize = 8_192;
/// How long the last spans may take to be exported when the unit ends.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What must be flushed at the end, and the metrics to be scraped.
pub struct Telemetry {
    provider: SdkTracerProvider,
    metrics: PrometheusHandle,
    dropped: ErrorCounter,
    /// Writes the lines that are left when it is dropped.
    _lines: WorkerGuard,
}

impl Telemetry {
    /// Sets up logs, traces and metrics for the whole process.
    ///
    /// # Errors
    /// Fails when the log's filter cannot be parsed or the exporter cannot be built.
    pub fn install(name: &'static str, common: &Common) -> anyhow::Result<Self> {
        let provider = provider(name, common.otlp.endpoint.as_ref())?;
        let filter = EnvFilter::try_new(&common.log.filter).context("log.filter is not valid")?;
        let (writer, guard) = never_waiting(std::io::stdout());
        let dropped = writer.error_counter();
        let lines = tracing_subscriber::fmt::layer().with_writer(writer);
        let lines = match common.log.format {
            LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
            // Colours are for people who watch, not for files.
            LogFormat::Text => lines.with_ansi(std::io::stdout().is_terminal()).boxed(),
        };
        // Without what would be done each time that a task is polled: nothing measures it, and nobody asks for the
        // trace but through the span.
        let traces = tracing_opentelemetry::layer().with_tracked_inactivity(false).with_threads(false);
        let traces = traces.with_context_activation(false).with_tracer(provider.tracer(name));
        tracing_subscriber::registry().with(filter).with(lines).with(traces).try_init()?;
        let metrics =
            PrometheusBuilder::new().set_buckets(&BUCKETS)?.add_global_label("service", name).install_recorder()?;
        Ok(Self { provider, metrics, dropped, _lines: guard })
    }

    /// Counts the lines of the log that were dropped because nobody read them.
    pub fn dropped_lines(&self) -> impl Fn() -> u64 + Send + use<> {
        let dropped = self.dropped.clone();
        move || dropped.dropped_lines() as u64
    }

    /// The metrics, to be rendered for Prometheus.
    #[must_use]
    pub fn metrics(&self) -> PrometheusHandle {
        self.metrics.clone()
    }

    /// Exports what is still held back, for two seconds at most. Blocks: the exporter's client is a blocking one.
    pub fn shut_down(&self) {
        if let Err(error) = self.provider.shutdown_with_timeout(LAST_SPANS) {
            tracing::warn!(error = %error, "Traces could not be flushed.");
        }
    }
}

/// A writer that no request ever waits for: a thread of its own writes the lines to `to`. While that takes none, as a pipe
/// that nobody reads, lines are kept up to a number, and then dropped and counted.
fn never_waiting(to: impl std::io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES).thread_name("log").finish(to)
}

/// Without an endpoint, spans get ids (so that traces pass through) and go nowhere.
fn provider(name: &'static str, endpoint: Option<&url::Url>) -> anyhow::Result<SdkTracerProvider> {
    let resource = Resource::builder().with_service_name(name).build();
    let builder = SdkTracerProvider::builder().with_resource(resource);
    let Some(endpoint) = endpoint else { return Ok(builder.build()) };
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint.join("v1/traces")?)
        .build()
        .context("the OTLP exporter could not be built")?;
    Ok(builder.with_batch_exporter(exporter).build())
}

/// The trace context that `headers` carry (W3C `traceparent` and `tracestate`).
#[must_use]
pub fn extract(headers: &HeaderMap) -> Context {
    TraceContextPropagator::new().extract(&HeaderExtractor(headers))
}

/// Writes the current trace context into `headers`.
pub fn inject(headers: &mut HeaderMap) {
    let context = tracing::Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
}

/// The current trace context as a `traceparent`, for messages; nothing outside a trace.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = tracing::Span::current().context();
    let span = context.span().span_context().clone();
    span.is_valid().then(|| format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), span.trace_flags().to_u8()))
}

/// The id of the trace that `span` belongs to, for log lines.
#[must_use]
pub fn trace_id(span: &tracing::Span) -> String {
    span.context().span().span_context().trace_id().to_string()
}

/// Makes `span` a child of the trace that `traceparent` names; one that is malformed is ignored.
pub fn continue_trace(span: &tracing::Span, traceparent: &str) {
    if let Ok(value) = HeaderValue::from_str(traceparent) {
        let headers = HeaderMap::from_iter([(http::HeaderName::from_static("traceparent"), value)]);
        let _ = span.set_parent(extract(&headers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write as _, sync::mpsc};

    /// A pipe that nobody reads.
    struct Stuck(mpsc::Receiver<()>);

    impl std::io::Write for Stuck {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_nobody_takes_are_dropped_and_counted_and_nobody_waits() {
        let (read, stuck) = mpsc::channel();
        let (mut writer, guard) = never_waiting(Stuck(stuck));
        let lines = 3 * LINES;
        for _ in 0..lines {
            writer.write_all(b"a line").unwrap();
        }
        let dropped = writer.error_counter().dropped_lines();
        assert!((lines - LINES - 2..=lines - LINES).contains(&dropped), "{dropped}");
        // Whoever reads at last ends the writer's thread, too.
        drop(read);
        drop(guard);
    }
}
