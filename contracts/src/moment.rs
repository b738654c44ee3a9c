//! Points in time as clients send them: RFC 3339, in the years that every store of ours holds.

use chrono::{DateTime, Utc};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// What is said of a text that is no such point in time.
pub const REFUSED: &str = "must be a point in time as RFC 3339 writes it, in the years 1970 to 9999";

/// The first second after the year 9999, since 1970.
const END: i64 = 253_402_300_800;
/// Where the `T` stands between date and time.
const SEPARATOR: usize = 10;

/// Reads a point in time: RFC 3339 with `T`, in the years 1970 to 9999.
#[must_use]
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    // RFC 3339 lets applications agree on a space there, and chrono takes one. Here nobody agreed.
    let is_separated = matches!(text.as_bytes().get(SEPARATOR), Some(b'T' | b't'));
    let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| is_separated)?.to_utc();
    is_kept(time).then_some(time)
}

/// Whether every store keeps this point in time: it is in the years 1970 to 9999 of UTC.
#[must_use]
pub fn is_kept(time: DateTime<Utc>) -> bool {
    (0..END).contains(&time.timestamp())
}

/// Reads a field that holds a point in time, or none.
///
/// # Errors
/// Fails with [`REFUSED`] when the field holds something else.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse(&text).ok_or_else(|| D::Error::custom(REFUSED))).transpose()
}

/// Reads a field that holds a point in time or `null`, and tells both from one that is absent.
///
/// # Errors
/// Fails with [`REFUSED`] when the field holds something else.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<DateTime<Utc>>>, D::Error> {
    optional(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("1970-01-01T00:00:00Z")]
    #[case("2026-02-01T00:00:00.5-03:00")]
    #[case("2026-02-01t00:00:00z")]
    #[case("9999-12-31T23:59:59.999Z")]
    fn points_in_time_are_taken(#[case] text: &str) {
        assert!(parse(text).is_some());
    }

    #[rstest]
    #[case::before("1969-12-31T23:59:59Z")]
    #[case::before_by_its_offset("1970-01-01T00:00:00+01:00")]
    #[case::after_by_its_offset("9999-12-31T23:59:59-01:00")]
    #[case::far_before("-9999-01-01T00:00:00Z")]
    #[case::five_digits("+12030-01-01T00:00:00Z")]
    #[case::last_of_chrono("+262142-12-31T23:59:59Z")]
    #[case::one_digit("2030-1-1T0:0:0Z")]
    #[case::zone_by_name("2030-01-01T00:00:00UTC")]
    #[case::space_before(" 2030-01-01T00:00:00Z")]
    #[case::space_between("2030-01-01 00:00:00Z")]
    #[case::space_before_offset("2030-01-01T00:00:00 -03:00")]
    #[case::no_offset("2030-01-01T00:00:00")]
    #[case::no_time("2030-01-01")]
    #[case::no_such_day("2026-02-30T00:00:00Z")]
    #[case::beyond_ascii("2026-02-0é1T00:00:00Z")]
    #[case::nothing("")]
    fn everything_else_is_refused(#[case] text: &str) {
        assert_eq!(parse(text), None);
    }
}
