//! Whole numbers of up to 64 bits.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// A whole number of up to 64 bits. The 32 bits of `Int` end at R$ 21,474,836.47.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Long(pub i64);

/// A whole number of up to 64 bits, as a JSON number.
#[Scalar(name = "Long", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259#section-6")]
impl ScalarType for Long {
    fn parse(value: Value) -> InputValueResult<Self> {
        read(&value).ok_or_else(|| InputValueError::custom("It must be a whole number of up to 64 bits."))
    }

    fn is_valid(value: &Value) -> bool {
        read(value).is_some()
    }

    fn to_value(&self) -> Value {
        self.0.into()
    }
}

impl Long {
    /// Says what is wrong with a value.
    pub(super) fn check(value: &Value) -> Result<(), String> {
        read(value).map(drop).ok_or_else(|| "it must be a whole number of up to 64 bits".to_owned())
    }
}

fn read(value: &Value) -> Option<Long> {
    let Value::Number(number) = value else { return None };
    number.as_i64().map(Long)
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
}
