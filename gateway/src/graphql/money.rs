//! Amounts of money.

use super::long::Long;
use async_graphql::{InputObject, SimpleObject};
use chassis::http::Fields;
use contracts::money::{self, Currency};

/// An amount of money.
#[derive(SimpleObject)]
pub struct Money {
    /// The amount in the currency's minor unit: centavos, cents.
    minor: Long,
    /// ISO 4217.
    currency: &'static str,
    /// The amount with its decimals: `12.90 BRL`.
    formatted: String,
}

impl From<money::Money> for Money {
    fn from(money: money::Money) -> Self {
        Self { minor: Long(money.minor), currency: money.currency.code(), formatted: money.to_string() }
    }
}

/// An amount of money.
#[derive(InputObject)]
pub struct MoneyInput {
    /// The amount in the currency's minor unit: centavos, cents.
    minor: Long,
    /// ISO 4217, in capital letters.
    currency: String,
}

impl MoneyInput {
    /// Reads the amount, or notes what is wrong with the field.
    pub fn read(&self, field: &str, wrong: &mut Fields) -> Option<money::Money> {
        let currency = Currency::from_code(&self.currency);
        let currency = currency.ok_or("It must be a currency of ISO 4217, in capital letters.");
        let currency = wrong.take(format!("{field}.currency"), currency)?;
        Some(money::Money::new(self.minor.0, currency))
    }
}
