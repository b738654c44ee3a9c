//! Points in time.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, Utc};
use contracts::moment;

/// async-graphql's own scalar checks its value only when a field is resolved, where an error nulls the parent object.
/// This one is checked with the document, before anything is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub DateTime<Utc>);

/// A point in time in RFC 3339 format, in the years 1970 to 9999.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for Moment {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).ok_or_else(|| InputValueError::custom(format!("It {}.", moment::REFUSED)))
    }

    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339())
    }
}

impl Moment {
    pub(super) fn check(value: &Value) -> Result<(), String> {
        read(value).map(drop).ok_or_else(|| format!("it {}", moment::REFUSED))
    }
}

fn read(value: &Value) -> Option<Moment> {
    let Value::String(text) = value else { return None };
    moment::parse(text).map(Moment)
}

impl From<DateTime<Utc>> for Moment {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

impl From<Moment> for DateTime<Utc> {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_points_in_time_are_taken() {
        for (text, is_one) in [
            ("2026-02-01T00:00:00Z", true),
            ("2026-02-01T00:00:00.5-03:00", true),
            ("2026-02-30T00:00:00Z", false),
            ("2026-02-01", false),
            ("yesterday", false),
            ("2026-02-01 00:00:00Z", false),
            ("-9999-01-01T00:00:00Z", false),
            ("+262142-12-31T23:59:59Z", false),
        ] {
            assert_eq!(Moment::is_valid(&Value::from(text)), is_one, "{text}");
        }
        assert!(!Moment::is_valid(&Value::from(7)));
    }
}
