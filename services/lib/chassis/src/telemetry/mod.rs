//! Logs, traces and metrics.

mod lines;
mod statements;
mod trace;

use crate::config::{Common, LogFormat};
use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;
pub(crate) use trace::continue_from;
pub use trace::{continue_trace, extract, inject, trace_id, traceparent};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Bounds of histogram buckets, in seconds: 0.5 ms to 10 s.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How many lines of the log wait for whoever reads them; beyond, lines are dropped.
const LINES: usize = 8_192;
/// How long the thread that writes lines pauses after each write.
const PAUSE: Duration = Duration::from_millis(2);
/// How many bytes of lines are gathered for one write.
const LARGEST_WRITE: usize = 64 * 1024;
/// How long the last spans may take to be exported when the unit ends.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// What must be flushed at the end, and the metrics to be scraped.
pub struct Telemetry {
    /// Where spans are exported.
    provider: Option<SdkTracerProvider>,
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
        let provider = common.otlp.endpoint.as_ref().map(|endpoint| provider(name, endpoint)).transpose()?;
        let filter = EnvFilter::try_new(&common.log.filter).context("log.filter is not valid")?;
        let filter = filter.add_directive(statements::DIRECTIVE.parse()?);
        let (writer, guard) = never_waiting(std::io::stdout());
        let dropped = writer.error_counter();
        let layer = tracing_subscriber::fmt::layer().with_writer(writer);
        let lines = match common.log.format {
            LogFormat::Json => layer.fmt_fields(lines::Members).event_format(lines::Json).boxed(),
            // Colours are for people who watch, not for files.
            LogFormat::Text => layer.with_ansi(std::io::stdout().is_terminal()).boxed(),
        };
        let lines = lines.with_filter(filter_fn(statements::is_for_people));
        let statements = statements::Statements::default().with_filter(filter_fn(statements::is_statement));
        // Without what would be done each time that a task is polled: nothing measures it, and nobody asks for the
        // trace but through the span.
        let traces = provider.as_ref().map(|provider| {
            let traces = tracing_opentelemetry::layer().with_tracked_inactivity(false).with_threads(false);
            traces
                .with_context_activation(false)
                .with_tracer(provider.tracer(name))
                .with_filter(filter_fn(statements::is_for_people))
        });
        let passing = traces.is_none().then_some(trace::Passing);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines)
            .with(traces)
            .with(passing)
            .with(statements)
            .try_init()?;
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
        let ended = self.provider.as_ref().map(|provider| provider.shutdown_with_timeout(LAST_SPANS));
        if let Some(Err(error)) = ended {
            tracing::warn!(error = %error, "Traces could not be flushed.");
        }
    }
}

/// A writer that no request ever waits for: a thread of its own writes the lines to `to`. While that takes none, as a pipe
/// that nobody reads, lines are kept up to a number, and then dropped and counted.
fn never_waiting(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let to = Gathering { to, lines: Vec::with_capacity(LARGEST_WRITE) };
    NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES).thread_name("log").finish(to)
}

/// Writes lines together. After a write it pauses: to wake the thread for each line would cost a request more than the
/// line itself.
struct Gathering<W> {
    to: W,
    lines: Vec<u8>,
}

impl<W: Write> Gathering<W> {
    fn pass_on(&mut self) -> io::Result<()> {
        let outcome = self.to.write_all(&self.lines).and_then(|()| self.to.flush());
        self.lines.clear();
        outcome
    }
}

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.extend_from_slice(line);
        if self.lines.len() >= LARGEST_WRITE {
            self.pass_on()?;
        }
        Ok(line.len())
    }

    /// Called when no line is left.
    fn flush(&mut self) -> io::Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.pass_on()?;
        thread::sleep(PAUSE);
        Ok(())
    }
}

fn provider(name: &'static str, endpoint: &url::Url) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_endpoint(endpoint.join("v1/traces")?)
        .build()
        .context("the OTLP exporter could not be built")?;
    let resource = Resource::builder().with_service_name(name).build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

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
        let lines = 4 * LINES;
        // So many are taken before the write that is stuck.
        let gathered = LARGEST_WRITE.div_ceil(b"a line".len());
        for _ in 0..lines {
            writer.write_all(b"a line").unwrap();
        }
        let dropped = writer.error_counter().dropped_lines();
        assert!((lines - LINES - gathered - 2..=lines - LINES).contains(&dropped), "{dropped}");
        // Whoever reads at last ends the writer's thread, too.
        drop(read);
        drop(guard);
    }
}
