//! The span of time that statistics are asked for.

use super::Refusal;
use chrono::{DateTime, SubsecRound, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use contracts::rest::analytics::Window;

/// The span when the request names no beginning.
const USUAL: TimeDelta = TimeDelta::days(30);
const LONGEST: TimeDelta = TimeDelta::days(400);

/// A span of time in a zone, parsed from a [`Window`]: `from` is before `to`, both in whole milliseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// From when on, inclusive.
    pub from: DateTime<Utc>,
    /// Until when, exclusive.
    pub to: DateTime<Utc>,
    /// The zone in which days begin.
    pub zone: Tz,
    /// Whether clicks of bots count too.
    pub include_bots: bool,
}

impl Span {
    /// Parses a window; what it leaves open ends at `now`. Names every field that is not acceptable: an unknown zone,
    /// dates that are reversed, a span of more than 400 days, dates outside of the years 2000 to 2099.
    pub fn parse(window: &Window, now: DateTime<Utc>) -> Result<Self, Vec<Refusal>> {
        let mut refusals = Vec::new();
        let zone = window.time_zone.parse().unwrap_or_else(|_| {
            refusals.push(Refusal::new("time_zone", "Name an IANA time zone, like Europe/Lisbon."));
            Tz::UTC
        });
        let to = window.to.unwrap_or(now).trunc_subsecs(3);
        let from = window.from.or_else(|| to.checked_sub_signed(USUAL)).unwrap_or(to);
        let from = from.trunc_subsecs(3);
        for (field, date) in [("from", from), ("to", to)] {
            if !is_plausible(date) {
                refusals.push(Refusal::new(field, "Name a date in the years 2000 to 2099."));
            }
        }
        if from >= to {
            refusals.push(Refusal::new("from", "The window must begin before it ends."));
        } else if to - from > LONGEST {
            refusals.push(Refusal::new("from", "The window may span 400 days at most."));
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        Ok(Self { from, to, zone, include_bots: window.include_bots })
    }

    /// The span of equal length right before this one.
    pub fn previous(&self) -> Self {
        Self { from: self.from - (self.to - self.from), to: self.from, ..self.clone() }
    }
}

/// Within these years every zone is whole quarters of an hour away from UTC, and no arithmetic overflows.
fn is_plausible(date: DateTime<Utc>) -> bool {
    let year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single();
    year(2000).is_some_and(|first| date >= first) && year(2100).is_some_and(|end| date < end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn window(from: Option<&str>, to: Option<&str>) -> Window {
        Window { from: from.map(at), to: to.map(at), ..Window::default() }
    }

    #[test]
    fn a_window_that_says_nothing_is_the_last_30_days() {
        let now = at("2026-03-31T12:00:00.123456Z");
        let span = Span::parse(&Window::default(), now).unwrap();
        assert_eq!((span.from, span.to), (at("2026-03-01T12:00:00.123Z"), at("2026-03-31T12:00:00.123Z")));
        assert_eq!(span.previous().from, at("2026-01-30T12:00:00.123Z"));
        assert_eq!(span.previous().to, span.from);
    }

    #[rstest]
    #[case::reversed(Some("2026-02-02T00:00:00Z"), Some("2026-02-01T00:00:00Z"), "from")]
    #[case::empty(Some("2026-02-01T00:00:00Z"), Some("2026-02-01T00:00:00Z"), "from")]
    #[case::too_long(Some("2025-01-01T00:00:00Z"), Some("2026-03-01T00:00:00Z"), "from")]
    #[case::not_begun(Some("2027-01-01T00:00:00Z"), None, "from")]
    #[case::ancient(None, Some("1970-01-02T00:00:00Z"), "from")]
    #[case::beyond_time(None, Some("+262142-12-31T00:00:00Z"), "from")]
    fn what_is_not_acceptable_is_named(#[case] from: Option<&str>, #[case] to: Option<&str>, #[case] field: &str) {
        let refusals = Span::parse(&window(from, to), at("2026-04-01T00:00:00Z")).unwrap_err();
        assert_eq!(refusals[0].field, field, "{refusals:?}");
    }

    #[rstest]
    #[case("Mars/Olympus")]
    #[case("")]
    #[case("'; DROP TABLE clicks; --")]
    fn an_unknown_zone_is_named(#[case] zone: &str) {
        let window = Window { time_zone: zone.to_owned(), ..Window::default() };
        let refusals = Span::parse(&window, Utc::now()).unwrap_err();
        assert_eq!(refusals, [Refusal::new("time_zone", refusals[0].message.clone())]);
    }

    proptest! {
        #[test]
        fn no_window_panics(from in proptest::option::of(any::<i64>()), to in proptest::option::of(any::<i64>())) {
            let (from, to) = (from.and_then(DateTime::from_timestamp_millis), to.and_then(DateTime::from_timestamp_millis));
            let window = Window { from, to, ..Window::default() };
            if let Ok(span) = Span::parse(&window, Utc::now()) {
                prop_assert!(span.from < span.to && span.to - span.from <= LONGEST);
                prop_assert_eq!(span.previous().to, span.from);
            }
        }
    }
}
