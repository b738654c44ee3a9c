//! Amounts of money.

use super::immediate::Immediate;
use super::scalars::Long;
use async_graphql::{InputObject, Object};
use contracts::field_errors::FieldErrors;
use contracts::money::{self, Currency};

pub struct Money(money::Money);

/// An amount of money.
#[Object]
impl Money {
    /// The amount in the currency's minor unit: centavos, cents.
    async fn minor(&self) -> Long {
        Long(self.0.minor)
    }

    /// The currency code (ISO 4217).
    async fn currency(&self) -> &str {
        self.0.currency.code()
    }

    /// The amount with its decimals: `12.90 BRL`.
    async fn formatted(&self) -> String {
        self.0.to_string()
    }
}

impl From<money::Money> for Immediate<Money> {
    fn from(money: money::Money) -> Self {
        Self(Money(money))
    }
}

/// An amount of money.
#[derive(InputObject)]
pub struct MoneyInput {
    /// The amount in the currency's minor unit: centavos, cents.
    minor: Long,
    /// The currency code (ISO 4217), in capital letters.
    currency: String,
}

impl MoneyInput {
    /// Reads the amount, or notes what is wrong with the field.
    pub fn read(&self, field: &str, wrong: &mut FieldErrors) -> Option<money::Money> {
        let currency = Currency::from_code(&self.currency);
        let currency = currency.ok_or("must be an ISO 4217 currency code in capital letters");
        let currency = wrong.take(format!("{field}.currency"), currency)?;
        Some(money::Money::new(self.minor.0, currency))
    }
}
