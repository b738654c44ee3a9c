//! Counts clicks: every facet of every link in one statement, which looks at the clicks as few times
//! as can be. For links with few clicks what takes time is the statement's parts, not its rows.

use super::detachments::VISIBLE;
use super::{Database, StoreError};
use crate::domain::facet::Count;
use crate::domain::window::Span;
use chrono::{DateTime, Utc};
use clickhouse::Row;
use contracts::rest::analytics::Dimension;
use serde::Deserialize;
use std::collections::BTreeMap;
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
pub struct CountRow {
    /// What it counts: see [`place`].
    pub facet: u8,
    #[serde(with = "clickhouse::serde::uuid")]
    pub url: Uuid,
    /// Where the point begins, in seconds since the Unix epoch; 0 where there are no points.
    pub at: i64,
    pub name: String,
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
    pub async fn count(&self, scope: &Scope, span: &Span, counts: &[Count]) -> Result<Vec<CountRow>, StoreError> {
        let parts = Statement { scope, span }.parts(counts);
        self.rows("stats", self.client.query_raw(&parts.join("\nUNION ALL\n"))).await
    }
}

/// Added to a dimension's number it is the place of its values, beyond every index of a facet.
const TOP: u8 = 100;

/// Under which `facet` the numbers of the count with this index are found. Counts of one dimension
/// share theirs: as many values as the greatest of them wants.
pub fn place(index: usize, count: &Count) -> u8 {
    match count {
        Count::Top(dimension, _) => TOP + *dimension as u8,
        Count::Totals(_) | Count::Series(_) => u8::try_from(index).unwrap_or(u8::MAX),
    }
}

/// What is counted over one span of time: its totals, its series, or both from the same numbers.
struct Times<'a> {
    span: &'a Span,
    totals: Option<u8>,
    series: Option<(u8, &'a [DateTime<Utc>])>,
}

/// Writes SQL from ids, numbers and names of columns: nothing that came as text is part of it.
struct Statement<'a> {
    scope: &'a Scope,
    span: &'a Span,
}

impl Statement<'_> {
    fn parts(&self, counts: &[Count]) -> Vec<String> {
        let mut times: Vec<Times<'_>> = Vec::new();
        let mut tops: BTreeMap<Dimension, u32> = BTreeMap::new();
        for (index, count) in counts.iter().enumerate() {
            let facet = place(index, count);
            match count {
                Count::Totals(span) => {
                    match times.iter_mut().find(|known| known.span == span && known.totals.is_none()) {
                        Some(known) => known.totals = Some(facet),
                        None => times.push(Times { span, totals: Some(facet), series: None }),
                    }
                }
                Count::Series(points) => {
                    match times.iter_mut().find(|known| known.span == self.span && known.series.is_none()) {
                        Some(known) => known.series = Some((facet, points)),
                        None => times.push(Times { span: self.span, totals: None, series: Some((facet, points)) }),
                    }
                }
                Count::Top(dimension, first) => {
                    let most = tops.entry(*dimension).or_default();
                    *most = (*most).max(*first);
                }
            }
        }
        let times = times.iter().map(|times| self.times(times));
        times.chain((!tops.is_empty()).then(|| self.tops(&tops))).collect()
    }

    fn times(&self, Times { span, totals, series }: &Times<'_>) -> String {
        let (from, to) = (span.from.timestamp_millis(), span.to.timestamp_millis());
        let (first, last) = (ceil(from), floor(to));
        let points: Vec<i64> = series.iter().flat_map(|(_, points)| points.iter().map(DateTime::timestamp)).collect();
        let sources = if first < last {
            let quarter = "toStartOfFifteenMinutes(clicked_at)";
            let whole = format!("{quarter} >= toDateTime({first}, 'UTC') AND {quarter} < toDateTime({last}, 'UTC')");
            let ends = format!("({} OR {})", clicked(from, first * 1_000), clicked(last * 1_000, to));
            let whole = self.source(quarter, &points, &whole);
            format!("{whole} UNION ALL {}", self.source("clicked_at", &points, &ends))
        } else {
            self.source("clicked_at", &points, &clicked(from, to))
        };
        let facets: Vec<u8> = totals.iter().copied().chain(series.iter().map(|(facet, _)| *facet)).collect();
        let at = series.map_or("toInt64(0)".to_owned(), |(facet, _)| format!("if(facet = {facet}, point, 0)"));
        format!(
            "SELECT arrayJoin(CAST({facets:?}, 'Array(UInt8)')) AS facet, url, {at} AS at, '' AS name, \
             sum(some_clicks) AS clicks, uniqMerge(some_visitors) AS visitors \
             FROM ({sources}) GROUP BY facet, url, at"
        )
    }

    fn source(&self, time: &str, points: &[i64], within: &str) -> String {
        let point =
            if points.is_empty() { "0".to_owned() } else { format!("roundDown(toUnixTimestamp({time}), {points:?})") };
        format!(
            "SELECT {url} AS url, toInt64({point}) AS point, count() AS some_clicks, uniqState(visitor) AS some_visitors \
             FROM clicks WHERE {filter} AND {within} GROUP BY url, point",
            url = self.url(),
            filter = self.filter(),
        )
    }

    /// The most frequent values of several dimensions, of each link, from one look at the clicks.
    fn tops(&self, tops: &BTreeMap<Dimension, u32>) -> String {
        let choose = |value: fn(Dimension) -> String, otherwise: &str| {
            let cases = tops.keys().map(|dimension| {
                let column = column(*dimension);
                format!("grouping({column}) = 0, {}, ", value(*dimension))
            });
            format!("multiIf({}{otherwise})", cases.collect::<String>())
        };
        let facet = choose(|dimension| (TOP + dimension as u8).to_string(), "0");
        let name = choose(|dimension| format!("toString({})", column(dimension)), "''");
        let by = match self.scope {
            Scope::Links(_) => "url_id, ",
            Scope::Owner(_) => "",
        };
        let sets: Vec<String> = tops.keys().map(|dimension| format!("({by}{})", column(*dimension))).collect();
        format!(
            "SELECT toUInt8({facet}) AS facet, {url} AS url, toInt64(0) AS at, {name} AS name, \
             count() AS clicks, toUInt64(0) AS visitors \
             FROM clicks WHERE {filter} AND {within} GROUP BY GROUPING SETS ({sets}) \
             ORDER BY clicks DESC, name LIMIT {most} BY facet, url",
            url = self.url(),
            filter = self.filter(),
            within = clicked(self.span.from.timestamp_millis(), self.span.to.timestamp_millis()),
            sets = sets.join(", "),
            most = tops.values().max().copied().unwrap_or_default(),
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
    format!("(clicked_at >= {} AND clicked_at < {})", at(from_ms), at(to_ms))
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
