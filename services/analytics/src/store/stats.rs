//! Counts clicks: every facet of every link in one statement.

use super::{Database, StoreError, detachments::VISIBLE};
use crate::domain::{facet::Count, window::Span};
use clickhouse::Row;
use contracts::rest::analytics::Dimension;
use serde::Deserialize;
use std::fmt::Write;
use uuid::Uuid;

/// The seconds of a quarter of an hour, the grain of the projection `quarters`.
const QUARTER: i64 = 900;

/// Whose clicks are counted.
#[derive(Debug, Clone)]
pub enum Scope {
    /// Each of these links by itself.
    Links(Vec<Uuid>),
    /// All links of an owner together, as the link [`Uuid::nil`].
    Owner(Uuid),
}

/// One number that was counted.
#[derive(Debug, Clone, Row, Deserialize)]
pub struct Counted {
    /// Which of the counts it belongs to, by index.
    pub facet: u8,
    /// The link.
    #[serde(with = "clickhouse::serde::uuid")]
    pub url: Uuid,
    /// Where the point begins, in seconds since the Unix epoch; 0 where there are no points.
    pub at: i64,
    /// The dimension's value; empty where there is none.
    pub name: String,
    /// Redirects answered.
    pub clicks: u64,
    /// Unique visitors; 0 for values of a dimension.
    pub visitors: u64,
}

impl Database {
    /// Counts what `counts` ask for, in `span` and `scope`.
    ///
    /// Totals and series come from the projection `quarters` but for the ends of the span that are
    /// not whole quarters of an hour. Visitors are exact up to about 65,000 and estimated within
    /// half a percent beyond (ClickHouse's `uniq`).
    ///
    /// # Errors
    /// Fails when ClickHouse is away or too busy.
    pub async fn count(&self, scope: &Scope, span: &Span, counts: &[Count]) -> Result<Vec<Counted>, StoreError> {
        let statement = Statement { scope, span };
        let parts: Vec<String> = counts.iter().enumerate().map(|(facet, count)| statement.part(facet, count)).collect();
        self.rows("stats", self.client.query_raw(&parts.join("\nUNION ALL\n"))).await
    }
}

/// Writes SQL from ids, numbers and names of columns: nothing that came as text is part of it.
struct Statement<'a> {
    scope: &'a Scope,
    span: &'a Span,
}

impl Statement<'_> {
    fn part(&self, facet: usize, count: &Count) -> String {
        match count {
            Count::Totals(span) => self.totals(facet, span, &[]),
            Count::Series(points) => {
                let points: Vec<i64> = points.iter().map(chrono::DateTime::timestamp).collect();
                self.totals(facet, self.span, &points)
            }
            Count::Top(dimension, first) => self.top(facet, *dimension, *first),
        }
    }

    fn totals(&self, facet: usize, span: &Span, points: &[i64]) -> String {
        let whole = (ceil(span.from.timestamp_millis()), floor(span.to.timestamp_millis()));
        let (from, to) = (span.from.timestamp_millis(), span.to.timestamp_millis());
        let mut sources = Vec::new();
        if whole.0 < whole.1 {
            let quarter = "toStartOfFifteenMinutes(clicked_at)";
            let within =
                format!("{quarter} >= toDateTime({}, 'UTC') AND {quarter} < toDateTime({}, 'UTC')", whole.0, whole.1);
            sources.push(self.source(quarter, points, &within));
            let ends = [(from, whole.0 * 1_000), (whole.1 * 1_000, to)];
            for (from, to) in ends.into_iter().filter(|(from, to)| from < to) {
                sources.push(self.source("clicked_at", points, &clicked(from, to)));
            }
        } else {
            sources.push(self.source("clicked_at", points, &clicked(from, to)));
        }
        format!(
            "SELECT toUInt8({facet}) AS facet, url, at, '' AS name, \
             sum(some_clicks) AS clicks, uniqMerge(some_visitors) AS visitors \
             FROM ({}) GROUP BY url, at",
            sources.join(" UNION ALL ")
        )
    }

    fn source(&self, time: &str, points: &[i64], within: &str) -> String {
        let at =
            if points.is_empty() { "0".to_owned() } else { format!("roundDown(toUnixTimestamp({time}), {points:?})") };
        format!(
            "SELECT {url} AS url, toInt64({at}) AS at, count() AS some_clicks, uniqState(visitor) AS some_visitors \
             FROM clicks WHERE {filter} AND {within} GROUP BY url, at",
            url = self.url(),
            filter = self.filter(),
        )
    }

    fn top(&self, facet: usize, dimension: Dimension, first: u32) -> String {
        let (column, span) = (column(dimension), self.span);
        format!(
            "SELECT toUInt8({facet}) AS facet, {url} AS url, toInt64(0) AS at, toString({column}) AS name, \
             count() AS clicks, toUInt64(0) AS visitors \
             FROM clicks WHERE {filter} AND {within} GROUP BY url, {column} \
             ORDER BY clicks DESC, name LIMIT {first} BY url",
            url = self.url(),
            filter = self.filter(),
            within = clicked(span.from.timestamp_millis(), span.to.timestamp_millis()),
        )
    }

    fn url(&self) -> String {
        match self.scope {
            Scope::Links(_) => "url_id".to_owned(),
            Scope::Owner(_) => format!("toUUID('{}')", Uuid::nil()),
        }
    }

    fn filter(&self) -> String {
        let mut filter = match self.scope {
            Scope::Links(links) => {
                let links: Vec<String> = links.iter().map(|link| format!("'{link}'")).collect();
                format!("url_id IN ({})", links.join(", "))
            }
            Scope::Owner(owner) => {
                format!(
                    "url_id IN (SELECT shortener_url_id FROM url_creations WHERE auth_user_id = '{owner}' AND {VISIBLE})"
                )
            }
        };
        if !self.span.include_bots {
            let _ = write!(filter, " AND is_bot = false");
        }
        filter
    }
}

fn clicked(from_ms: i64, to_ms: i64) -> String {
    let at = |ms| format!("fromUnixTimestamp64Milli(toInt64({ms}), 'UTC')");
    format!("clicked_at >= {} AND clicked_at < {}", at(from_ms), at(to_ms))
}

fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Referrer => "referrer",
        Dimension::Country => "country",
        Dimension::Browser => "browser",
        Dimension::OperatingSystem => "operating_system",
        Dimension::Device => "device",
        Dimension::Language => "language",
    }
}

/// The first quarter of an hour that begins at or after a moment, in seconds.
fn ceil(ms: i64) -> i64 {
    -floor(-ms)
}

/// The quarter of an hour that a moment is part of, in seconds.
fn floor(ms: i64) -> i64 {
    ms.div_euclid(QUARTER * 1_000) * QUARTER
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whole_quarters_lie_within(ms in 0_i64..4_102_444_800_000) {
            prop_assert!(floor(ms) * 1_000 <= ms && ms - floor(ms) * 1_000 < 900_000);
            prop_assert!(ceil(ms) * 1_000 >= ms && ceil(ms) * 1_000 - ms < 900_000);
        }
    }
}
