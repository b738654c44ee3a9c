//! Points in time of a series: where hours, days, weeks and months begin in a zone.

use super::Refusal;
use super::window::Span;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use contracts::rest::analytics::{Granularity, StatsPoint, Totals};
use std::collections::HashMap;

/// The longest span of a series by hour.
const LONGEST_BY_HOUR: TimeDelta = TimeDelta::days(31);
/// Every zone's clock differs from UTC by whole quarters of an hour.
const QUARTER: TimeDelta = TimeDelta::minutes(15);

/// Where the points of a series begin, in order of time: the first at or before the span's beginning. Refuses a series
/// by hour of more than 31 days, naming `granularity`.
pub fn points(span: &Span, granularity: Granularity) -> Result<Vec<DateTime<Utc>>, Refusal> {
    if granularity == Granularity::Hour {
        if span.to - span.from > LONGEST_BY_HOUR {
            return Err(Refusal::new("granularity", "A series by hour may span 31 days at most."));
        }
        return Ok(hours(span));
    }
    let first = first_day(span.from.with_timezone(&span.zone).date_naive(), granularity);
    let days = std::iter::successors(Some(first), |day| next(*day, granularity));
    let points = days.map(|day| midnight(day, span.zone));
    Ok(points.take_while(|point| *point < span.to).collect())
}

/// Puts what was counted, by the point's second, onto the points; points without clicks are zero.
pub fn fill(points: &[DateTime<Utc>], counted: &HashMap<i64, Totals>) -> Vec<StatsPoint> {
    let filled = points.iter().map(|at| {
        let totals = counted.get(&at.timestamp()).copied().unwrap_or_default();
        StatsPoint { at: *at, clicks: totals.clicks, unique_visitors: totals.unique_visitors }
    });
    filled.collect()
}

/// The hours of the clock on the wall: one is missing when it is put forward, and comes twice when it is put back.
fn hours(span: &Span) -> Vec<DateTime<Utc>> {
    let hour_of = |at: DateTime<Utc>| {
        let local = at.with_timezone(&span.zone).naive_local();
        (local - at.naive_utc(), local.date(), chrono::Timelike::hour(&local))
    };
    let quarter = TimeDelta::seconds(span.from.timestamp().rem_euclid(QUARTER.num_seconds()));
    let mut start = DateTime::from_timestamp(span.from.timestamp(), 0).unwrap_or(span.from) - quarter;
    while hour_of(start - QUARTER) == hour_of(start) {
        start -= QUARTER;
    }
    let quarters = std::iter::successors(Some(start), |at| Some(*at + QUARTER));
    quarters.take_while(|at| *at < span.to).filter(|at| hour_of(*at - QUARTER) != hour_of(*at)).collect()
}

/// The first day of the point that `day` is part of.
fn first_day(day: NaiveDate, granularity: Granularity) -> NaiveDate {
    match granularity {
        Granularity::Hour | Granularity::Day => day,
        Granularity::Week => day - Days::new(day.weekday().num_days_from_monday().into()),
        Granularity::Month => day.with_day(1).unwrap_or(day),
    }
}

fn next(day: NaiveDate, granularity: Granularity) -> Option<NaiveDate> {
    match granularity {
        Granularity::Hour | Granularity::Day => day.succ_opt(),
        Granularity::Week => day.checked_add_days(Days::new(7)),
        Granularity::Month => day.checked_add_months(Months::new(1)),
    }
}

/// When `day` begins: at its first midnight, or, where the clock skips midnight, right after the gap.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(NaiveTime::MIN);
    let moments = std::iter::successors(Some(midnight), |moment| Some(*moment + QUARTER));
    moments
        .take(24 * 4 * 2)
        .find_map(|moment| zone.from_local_datetime(&moment).earliest())
        .map_or_else(|| midnight.and_utc(), |moment| moment.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn span(from: &str, to: &str, zone: Tz) -> Span {
        let at = |text: &str| text.parse().unwrap();
        Span { from: at(from), to: at(to), zone, include_bots: false }
    }

    fn shown(span: &Span, granularity: Granularity) -> Vec<String> {
        let points = points(span, granularity).unwrap();
        points.iter().map(|at| at.with_timezone(&span.zone).to_rfc3339()).collect()
    }

    #[test]
    fn days_begin_in_the_zone_on_both_sides_of_a_change_of_clocks() {
        let span = span("2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", Tz::Europe__Lisbon);
        assert_eq!(
            shown(&span, Granularity::Day),
            ["2026-03-28T00:00:00+00:00", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"]
        );
    }

    #[test]
    fn a_day_whose_midnight_is_skipped_begins_after_the_gap() {
        let span = span("2018-11-03T12:00:00Z", "2018-11-05T12:00:00Z", Tz::America__Sao_Paulo);
        assert_eq!(
            shown(&span, Granularity::Day),
            ["2018-11-03T00:00:00-03:00", "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"]
        );
    }

    #[rstest]
    #[case::put_forward("2026-03-29", Tz::Europe__Berlin, 23)]
    #[case::put_back("2026-10-25", Tz::Europe__Berlin, 25)]
    #[case::usual("2026-10-26", Tz::Europe__Berlin, 24)]
    #[case::quarters("2026-10-26", Tz::Asia__Kathmandu, 24)]
    #[case::half_an_hour_back("2026-04-05", Tz::Australia__Lord_Howe, 25)]
    fn a_day_has_the_hours_that_its_clock_shows(#[case] day: NaiveDate, #[case] zone: Tz, #[case] expected: usize) {
        let (from, to) = (midnight(day, zone), midnight(day.succ_opt().unwrap(), zone));
        let span = Span { from, to, zone, include_bots: false };
        assert_eq!(points(&span, Granularity::Hour).unwrap().len(), expected);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        let span = span("2026-02-27T00:00:00Z", "2026-03-10T00:00:00Z", Tz::UTC);
        assert_eq!(
            shown(&span, Granularity::Week),
            ["2026-02-23T00:00:00+00:00", "2026-03-02T00:00:00+00:00", "2026-03-09T00:00:00+00:00"]
        );
        assert_eq!(shown(&span, Granularity::Month), ["2026-02-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"]);
    }

    #[test]
    fn a_series_by_hour_has_its_limit() {
        let month = span("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", Tz::UTC);
        assert_eq!(points(&month, Granularity::Hour).unwrap().len(), 744);
        let longer = span("2026-01-01T00:00:00Z", "2026-02-01T00:00:01Z", Tz::UTC);
        assert_eq!(points(&longer, Granularity::Hour).unwrap_err().field, "granularity");
    }

    #[test]
    fn points_without_clicks_are_zero() {
        let span = span("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", Tz::UTC);
        let points = points(&span, Granularity::Day).unwrap();
        let counted = HashMap::from([(points[1].timestamp(), Totals { clicks: 3, unique_visitors: 2 })]);
        let clicks: Vec<_> = fill(&points, &counted).iter().map(|point| point.clicks).collect();
        assert_eq!(clicks, [0, 3]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]
        #[test]
        fn points_cover_the_span_in_order_on_quarters(
            zone in proptest::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
            from in 946_684_800_000_i64..4_102_444_800_000,
            length in 1_i64..31 * 86_400_000,
            granularity in proptest::sample::select(vec![
                Granularity::Hour, Granularity::Day, Granularity::Week, Granularity::Month,
            ]),
        ) {
            let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
            let span = Span { from: at(from), to: at(from + length), zone, include_bots: false };
            let points = points(&span, granularity).unwrap();
            prop_assert!(points[0] <= span.from);
            prop_assert!(points.get(1).is_none_or(|second| *second > span.from));
            prop_assert!(*points.last().unwrap() < span.to);
            prop_assert!(points.is_sorted_by(|one, other| one < other));
            prop_assert!(points.iter().all(|point| point.timestamp_millis() % 900_000 == 0));
        }
    }
}
