//! What the provider's API says.

use chrono::{DateTime, Utc};
use contracts::money::Money;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Asks for a charge. Not `Debug`: it holds the token.
#[derive(Serialize)]
pub(super) struct NewCharge<'a> {
    pub(super) amount: Money,
    pub(super) token: &'a str,
    pub(super) method: &'a str,
    pub(super) reference: String,
}

#[derive(Serialize)]
pub(super) struct NewRefund {
    pub(super) amount: Money,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Charge {
    #[serde(deserialize_with = "text")]
    pub id: String,
    /// The key that it was asked for with.
    #[serde(deserialize_with = "text")]
    pub idempotency_key: String,
    pub amount: Money,
    pub status: ChargeStatus,
    #[serde(default, deserialize_with = "text_or_none")]
    pub decline_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    Captured,
    Declined,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Refund {
    #[serde(deserialize_with = "text")]
    pub id: String,
    /// The key that it was asked for with.
    #[serde(deserialize_with = "text")]
    pub idempotency_key: String,
    pub amount: Money,
}

/// The body of a webhook.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    /// The same however often the event comes.
    #[serde(deserialize_with = "text")]
    pub id: String,
    /// `charge.captured`, `charge.declined`, `refund.succeeded`, or what we do not know yet.
    #[serde(rename = "type")]
    pub kind: String,
    pub data: Value,
    pub created_at: DateTime<Utc>,
}

/// Reads a text that Postgres can store: without the character U+0000.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_or_none(deserializer)?.ok_or_else(|| D::Error::custom("a text is null"))
}

fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(D::Error::custom("a text contains the character U+0000"));
    }
    Ok(text)
}
