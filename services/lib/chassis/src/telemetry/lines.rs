//! Log lines as JSON. tracing-subscriber writes the same, but reads a span's fields again, from the JSON that it made of
//! them, for each line and for each field that comes later: a third of what a line costs.

use std::fmt::{self, Debug, Write};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events as JSON, one to a line, with the fields of the span that they happen in.
pub(super) struct Json;

impl<S> FormatEvent<S, Members> for Json
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str("{\"timestamp\":\"")?;
        SystemTime.format_time(&mut writer)?;
        let metadata = event.metadata();
        write!(writer, "\",\"level\":\"{}\"", metadata.level())?;
        let mut fields = Fields { writer: &mut writer, is_first: false, outcome: Ok(()) };
        event.record(&mut fields);
        fields.outcome?;
        writer.write_str(",\"target\":")?;
        quote(&mut writer, metadata.target())?;
        let span = event.parent().and_then(|id| context.span(id)).or_else(|| context.lookup_current());
        if let Some(span) = span {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<Members>>().map_or("", |fields| fields.as_str());
            let separator = if fields.is_empty() { "" } else { "," };
            write!(writer, ",\"span\":{{{fields}{separator}\"name\":")?;
            quote(&mut writer, span.name())?;
            writer.write_char('}')?;
        }
        writer.write_str("}\n")
    }
}

/// Writes the fields of a span as members of a JSON object, without its brackets: others may follow.
pub(super) struct Members;

impl<'a> FormatFields<'a> for Members {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'a>, fields: R) -> fmt::Result {
        let mut written = Fields { writer: &mut writer, is_first: true, outcome: Ok(()) };
        fields.record(&mut written);
        written.outcome
    }

    fn add_fields(&self, current: &'a mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let is_first = current.fields.is_empty();
        let mut written = Fields { writer: &mut current.fields, is_first, outcome: Ok(()) };
        fields.record(&mut written);
        written.outcome
    }
}

struct Fields<'a, W> {
    writer: &'a mut W,
    is_first: bool,
    outcome: fmt::Result,
}

impl<W: Write> Fields<'_, W> {
    fn write(&mut self, field: &Field, value: impl FnOnce(&mut W) -> fmt::Result) {
        if self.outcome.is_err() {
            return;
        }
        let separator = if std::mem::take(&mut self.is_first) { "\"" } else { ",\"" };
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        self.outcome = write!(self.writer, "{separator}{name}\":").and_then(|()| value(self.writer));
    }
}

impl<W: Write> Visit for Fields<'_, W> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.write(field, |writer| {
            writer.write_char('"')?;
            write!(Escaped(writer), "{value:?}")?;
            writer.write_char('"')
        });
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, |writer| quote(writer, value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, |writer| write!(writer, "{value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, |writer| write!(writer, "{value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, |writer| write!(writer, "{value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON knows neither infinity nor what is no number.
        self.write(
            field,
            |writer| if value.is_finite() { write!(writer, "{value:?}") } else { writer.write_str("null") },
        );
    }
}

fn quote(writer: &mut impl Write, text: &str) -> fmt::Result {
    writer.write_char('"')?;
    Escaped(writer).write_str(text)?;
    writer.write_char('"')
}

/// Writes text as it stands within a JSON string (RFC 8259, section 7).
struct Escaped<'a, W>(&'a mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && !matches!(byte, b'"' | b'\\') {
                continue;
            }
            self.0.write_str(&text[plain..at])?;
            match byte {
                b'"' => self.0.write_str("\\\"")?,
                b'\\' => self.0.write_str("\\\\")?,
                b'\n' => self.0.write_str("\\n")?,
                b'\t' => self.0.write_str("\\t")?,
                _ => write!(self.0, "\\u{byte:04x}")?,
            }
            plain = at + 1;
        }
        self.0.write_str(&text[plain..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::sync::{Arc, Mutex};
    use tracing::subscriber::with_default;
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::fmt::format::JsonFields;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    impl Written {
        /// The lines, each as JSON, without their times.
        fn lines(&self) -> Vec<Value> {
            let bytes = self.0.lock().unwrap().clone();
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            let line = |line: &[u8]| {
                let mut line: Value = serde_json::from_slice(line).expect("JSON");
                let time = line.as_object_mut().and_then(|line| line.remove("timestamp")).expect("a time");
                assert!(time.as_str().is_some_and(|time| chrono::DateTime::parse_from_rfc3339(time).is_ok()), "{time}");
                line
            };
            lines.map(line).collect()
        }
    }

    fn work() {
        tracing::info!(took_us = 7_u64, nothing = None::<&str>, "Outside of a span.");
        let empty = tracing::info_span!("empty");
        empty.in_scope(|| tracing::warn!(error = %"it \"broke\"\n\\ \u{1} ação", count = -3_i64, "A warning."));
        let span = tracing::info_span!(
            "request",
            otel.name = format_args!("GET {}", "/a\"b"),
            request_id = "one",
            status = tracing::field::Empty,
            whole = 1.0,
            part = 0.5,
            none = f64::NAN,
        );
        span.in_scope(|| tracing::info!("Before."));
        span.record("status", 200);
        let below = tracing::info_span!(parent: &span, "below", is_read = true);
        below.in_scope(|| tracing::error!(r#type = "x", list = ?[1, 2], "Below."));
        tracing::info!(parent: &span, large = u64::MAX, "After.");
    }

    #[test]
    fn lines_are_those_of_tracing_subscriber() {
        let (ours, theirs) = (Written::default(), Written::default());
        let subscriber = || tracing_subscriber::fmt().with_max_level(tracing::Level::INFO);
        let json = subscriber().with_writer(ours.clone()).fmt_fields(Members).event_format(Json).finish();
        with_default(json, work);
        let json = subscriber().with_writer(theirs.clone()).json().flatten_event(true).with_current_span(true);
        with_default(json.with_span_list(false).fmt_fields(JsonFields::new()).finish(), work);
        assert_eq!(ours.lines(), theirs.lines());
        assert_eq!(ours.lines().len(), 5);
    }
}
