//! Money: integer minor units of one currency. No floating point anywhere.

use iso_currency::Currency as Iso;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// A currency of ISO 4217, by its three letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(Iso);

impl Currency {
    pub const BRL: Self = Self(Iso::BRL);
    pub const EUR: Self = Self(Iso::EUR);
    pub const USD: Self = Self(Iso::USD);

    /// Finds a currency by its code, in capital letters.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Iso::from_code(code).map(Self)
    }

    /// The code, for example `BRL`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimals an amount has: 2 for `BRL`, 0 for `JPY`.
    #[must_use]
    pub fn decimals(self) -> u32 {
        self.0.exponent().unwrap_or(0).into()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::from_code(&code).ok_or_else(|| de::Error::custom(format!("{code:?} is not a currency of ISO 4217")))
    }
}

impl JsonSchema for Currency {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Currency".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z]{3}$", "description": "ISO 4217." })
    }
}

impl PartialSchema for Currency {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Z]{3}$"));
        object.description(Some("ISO 4217.")).into()
    }
}

impl ToSchema for Currency {}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The amount in the currency's minor unit: centavos, cents.
    pub minor: i64,
    pub currency: Currency,
}

/// Why two amounts cannot be calculated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// They are of different currencies.
    MixedCurrencies,
    /// The result does not fit 64 bits.
    Overflow,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MixedCurrencies => "the amounts are of different currencies",
            Self::Overflow => "the amount is too large",
        })
    }
}

impl std::error::Error for MoneyError {}

impl Money {
    /// So many minor units of a currency.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Adds an amount of the same currency.
    ///
    /// # Errors
    /// Fails when the currencies differ, or the sum does not fit.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// Subtracts an amount of the same currency.
    ///
    /// # Errors
    /// Fails when the currencies differ, or the difference does not fit.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// Takes the amount so many times.
    ///
    /// # Errors
    /// Fails when the product does not fit.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    fn combine(self, other: Self, operation: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies);
        }
        let minor = operation(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

/// Writes the amount with its decimals and currency: `12.90 BRL`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = self.currency.decimals() as usize;
        let scale = 10_u64.pow(self.currency.decimals());
        let (sign, amount) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        match decimals {
            0 => write!(f, "{sign}{amount} {}", self.currency),
            _ => write!(f, "{sign}{}.{:0decimals$} {}", amount / scale, amount % scale, self.currency),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_one_currency_are_calculated_with_and_others_refused() {
        let price = Money::new(1_290, Currency::BRL);
        assert_eq!(price.times(3).and_then(|sum| sum.minus(price)), Ok(Money::new(2_580, Currency::BRL)));
        assert_eq!(price.plus(Money::new(1, Currency::EUR)), Err(MoneyError::MixedCurrencies));
        assert_eq!(Money::new(i64::MAX, Currency::BRL).plus(price), Err(MoneyError::Overflow));
        assert_eq!(Money::new(i64::MAX, Currency::BRL).times(2), Err(MoneyError::Overflow));
    }

    #[test]
    fn amounts_are_written_with_the_currency_s_decimals() {
        let yen = Currency::from_code("JPY").unwrap();
        let written = [Money::new(-5, Currency::BRL), Money::new(123_456, Currency::USD), Money::new(70, yen)];
        assert_eq!(written.map(|money| money.to_string()), ["-0.05 BRL", "1234.56 USD", "70 JPY"]);
    }

    #[test]
    fn only_codes_of_iso_4217_are_read() {
        let read = |code: &str| serde_json::from_value::<Money>(serde_json::json!({ "minor": 1, "currency": code }));
        assert!(read("BRL").is_ok());
        assert!(read("brl").is_err() && read("ZZZ").is_err());
    }
}
