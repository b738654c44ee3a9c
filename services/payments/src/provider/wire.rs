//! What the provider's API says.

use chrono::{DateTime, Utc};
use contracts::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks for a charge. Not `Debug`: it holds the token.
#[derive(Serialize)]
pub(super) struct NewCharge<'a> {
    pub(super) amount: Money,
    pub(super) token: &'a str,
    pub(super) method: &'a str,
    pub(super) reference: String,
}

/// Asks for a refund.
#[derive(Serialize)]
pub(super) struct NewRefund {
    pub(super) amount: Money,
}

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Charge {
    /// The provider's id of it.
    pub id: String,
    /// The key that it was asked for with.
    pub idempotency_key: String,
    /// How much.
    pub amount: Money,
    /// What came of it.
    pub status: ChargeStatus,
    /// Why it was declined.
    #[serde(default)]
    pub decline_reason: Option<String>,
}

/// What came of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// The money was taken.
    Captured,
    /// It was not.
    Declined,
}

/// A refund that was made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    /// The provider's id of it.
    pub id: String,
    /// The key that it was asked for with.
    pub idempotency_key: String,
    /// How much.
    pub amount: Money,
}

/// The body of a webhook.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The same however often the event comes.
    pub id: String,
    /// `charge.captured`, `charge.declined`, `refund.succeeded`, or what we do not know yet.
    #[serde(rename = "type")]
    pub kind: String,
    /// The charge or refund.
    pub data: Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}
