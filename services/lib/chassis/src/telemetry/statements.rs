//! How long SQL statements take, as the driver tells it.

use crate::store_metrics::DURATION;
use metrics::{Histogram, histogram};
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{PoisonError, RwLock};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where the driver tells of its statements, on level `DEBUG`.
const TARGET: &str = "sqlx::query";
/// What lets the driver tell of them.
pub(super) const DIRECTIVE: &str = "sqlx::query=debug";
/// How many statements are told apart. Those of a service are constants; this bounds what it writes by itself.
const MOST: usize = 1_000;

/// Whether something is told to people, too: of statements, only the slow ones, which are warnings.
pub(super) fn is_for_people(metadata: &Metadata<'_>) -> bool {
    !is_statement(metadata) || *metadata.level() <= Level::INFO
}

/// Measures statements under their names. It gets nothing else to hear: see [`is_statement`].
#[derive(Default)]
pub(super) struct Statements(RwLock<HashMap<String, Histogram>>);

/// Whether it is the driver that tells of a statement.
pub(super) fn is_statement(metadata: &Metadata<'_>) -> bool {
    metadata.target() == TARGET
}

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut told = Told::default();
        event.record(&mut told);
        let statement = if told.whole.is_empty() { told.summary } else { told.whole };
        self.histogram(statement.trim()).record(told.took);
    }
}

impl Statements {
    fn histogram(&self, statement: &str) -> Histogram {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(histogram) = known.get(statement) {
            return histogram.clone();
        }
        let has_room = known.len() < MOST;
        drop(known);
        let name = if has_room { name(statement) } else { "other".to_owned() };
        let histogram = histogram!(DURATION, "store" => "postgres", "statement" => name);
        if has_room {
            let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(statement.to_owned(), histogram.clone());
        }
        histogram
    }
}

/// What the driver tells of a statement: its first words, its whole text where that is longer, and the seconds it took.
#[derive(Default)]
struct Told {
    summary: String,
    whole: String,
    took: f64,
}

impl Visit for Told {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "elapsed_secs" {
            self.took = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.whole),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Names a statement after its first action on a table: `INSERT orders`, `SELECT products`. One without a table is
/// named after its first word.
fn name(statement: &str) -> String {
    let words: Vec<&str> =
        statement.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let is = |at: usize, word: &str| {
        words.get(at).is_some_and(|found| found.trim_start_matches('(').eq_ignore_ascii_case(word))
    };
    let table = |at: usize| {
        words
            .get(at)
            .copied()
            .filter(|table| table.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|table| table.trim_end_matches([')', ';']))
    };
    let actions = (0..words.len()).find_map(|at| {
        let (action, at) = match () {
            () if is(at, "insert") && is(at + 1, "into") => ("INSERT", at + 2),
            () if is(at, "delete") && is(at + 1, "from") => ("DELETE", at + 2),
            () if is(at, "update") && !is(at.wrapping_sub(1), "for") && !is(at.wrapping_sub(1), "do") => {
                ("UPDATE", at + 1)
            }
            () if is(at, "from") || is(at, "join") => ("SELECT", at + 1),
            () => return None,
        };
        let table = table(at).filter(|table| !table.contains('('))?;
        Some(format!("{action} {table}"))
    });
    actions.unwrap_or_else(|| words.first().map_or_else(String::new, |word| word.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::{Statements, name};
    use metrics_exporter_prometheus::PrometheusBuilder;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn a_statement_is_named_after_its_first_action_on_a_table() {
        for (statement, expected) in [
            ("INSERT INTO orders (id) SELECT * FROM unnest($1)", "INSERT orders"),
            ("SELECT a, b FROM unnest($1) WITH ORDINALITY AS asked (a) LEFT JOIN keys USING (a)", "SELECT keys"),
            ("WITH gone AS (DELETE FROM outbox WHERE id = $1) UPDATE claims SET a = 1", "DELETE outbox"),
            ("SELECT id\n FROM products\n WHERE id = $1 FOR UPDATE", "SELECT products"),
            ("update products set a = 1", "UPDATE products"),
            ("SELECT 1", "SELECT"),
            ("COMMIT", "COMMIT"),
            ("", ""),
        ] {
            assert_eq!(name(statement), expected, "{statement}");
        }
    }

    #[test]
    fn what_the_driver_tells_is_measured_under_the_statements_name() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let subscriber = tracing_subscriber::registry().with(Statements::default());
        metrics::with_local_recorder(&recorder, || {
            tracing::subscriber::with_default(subscriber, || {
                tracing::debug!(target: "sqlx::query", summary = "SELECT id FROM links …", db.statement = "\n\nSELECT id FROM links WHERE id = $1\n", elapsed_secs = 0.25);
                tracing::debug!(target: "sqlx::query", summary = "COMMIT", db.statement = "", elapsed_secs = 0.5);
            });
        });
        let rendered = recorder.handle().render();
        assert!(
            rendered.contains(r#"store_statement_seconds_sum{store="postgres",statement="SELECT links"} 0.25"#),
            "{rendered}"
        );
        assert!(rendered.contains(r#"statement="COMMIT"} 0.5"#), "{rendered}");
    }
}
