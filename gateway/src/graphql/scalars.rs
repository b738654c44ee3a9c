//! Our own scalars.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::{DateTime, Utc};
use contracts::moment;

/// async-graphql's own scalar checks its value only when a field is resolved, where an error nulls the parent object.
/// This one is checked with the document, before anything is executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(pub DateTime<Utc>);

/// A whole number of up to 64 bits. The 32 bits of `Int` end at R$ 21,474,836.47.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long(pub i64);

/// Any JSON value. async-graphql's own scalar has no `specifiedBy`.
pub struct Json(pub serde_json::Value);

/// A point in time in RFC 3339 format, in the years 1970 to 9999.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for Moment {
    fn parse(value: Value) -> InputValueResult<Self> {
        Self::read(&value).map_err(|why| InputValueError::custom(format!("It {why}.")))
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339())
    }
}

/// A whole number of up to 64 bits, as a JSON number.
#[Scalar(name = "Long", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        Self::read(&value).map_err(|why| InputValueError::custom(format!("It {why}.")))
    }

    fn is_valid(value: &Value) -> bool {
        Self::read(value).is_ok()
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

/// Any JSON value (RFC 8259).
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        value.into_json().map(Self).map_err(InputValueError::custom)
    }

    fn to_value(&self) -> Value {
        Value::from_json(self.0.clone()).unwrap_or_default()
    }
}

impl Moment {
    fn read(value: &Value) -> Result<Self, &'static str> {
        let Value::String(text) = value else { return Err(moment::REFUSED) };
        moment::parse(text).map(Self).ok_or(moment::REFUSED)
    }

    pub(super) fn check(value: &Value) -> Result<(), String> {
        Self::read(value).map(drop).map_err(|why| format!("it {why}"))
    }
}

impl Long {
    fn read(value: &Value) -> Result<Self, &'static str> {
        let number = if let Value::Number(number) = value { number.as_i64() } else { None };
        number.map(Self).ok_or("must be a whole number of up to 64 bits")
    }

    pub(super) fn check(value: &Value) -> Result<(), String> {
        Self::read(value).map(drop).map_err(|why| format!("it {why}"))
    }
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
    fn only_whole_numbers_of_64_bits_are_taken() {
        assert!(Long::is_valid(&Value::from(i64::MAX)));
        assert!(Long::is_valid(&Value::from(-1)));
        for other in [Value::from(u64::MAX), Value::from(1.5), Value::from("1")] {
            assert!(!Long::is_valid(&other), "{other}");
        }
    }

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
