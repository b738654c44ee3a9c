//! Charges and refunds as the provider tells of them.

use chrono::{DateTime, Utc};
use contracts::money::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /payments/v1/charges`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCharge {
    /// How much, from 1.
    pub amount: Money,
    /// The means of payment: `tok_*_declined` and `tok_*_expired` are declined, all others work.
    pub token: String,
    /// What kind of means it is, for example `credit_card`.
    pub method: String,
    /// What the charge is for, in the caller's words.
    #[serde(default)]
    pub reference: Option<String>,
}

/// `POST /payments/v1/charges/{id}/refunds`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// How much, from 1 to what is left of the charge.
    pub amount: Money,
}

/// A charge. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Charge {
    /// Begins with `ch_`.
    pub id: String,
    /// The key that it was asked for with.
    pub idempotency_key: String,
    pub amount: Money,
    /// What came of it.
    pub status: ChargeStatus,
    /// Why it was declined.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decline_reason: Option<DeclineReason>,
    /// What it is for, in the caller's words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reference: Option<String>,
    pub created_at: DateTime<Utc>,
}

/// What came of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// The money was taken.
    Captured,
    /// It was not.
    Declined,
}

/// Why a charge was declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeclineReason {
    /// There is not enough money.
    InsufficientFunds,
    /// The card is not valid any more.
    ExpiredCard,
}

impl DeclineReason {
    /// Why a token is declined, by its name.
    #[must_use]
    pub fn of_token(token: &str) -> Option<Self> {
        let kind = token.strip_prefix("tok_")?.rsplit_once('_')?.1;
        match kind {
            "declined" => Some(Self::InsufficientFunds),
            "expired" => Some(Self::ExpiredCard),
            _ => None,
        }
    }
}

/// Money that was given back. It never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    /// Begins with `re_`.
    pub id: String,
    /// The charge that it was taken by.
    pub charge_id: String,
    /// The key that it was asked for with.
    pub idempotency_key: String,
    pub amount: Money,
    pub created_at: DateTime<Utc>,
}

/// Something that webhooks tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A charge was captured or declined.
    Charge(Charge),
    /// Money was given back.
    Refund(Refund),
}

/// The body of a webhook.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Event {
    /// The same however often the event is sent.
    pub id: String,
    /// `charge.captured`, `charge.declined` or `refund.succeeded`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The charge or refund.
    pub data: serde_json::Value,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

impl Outcome {
    #[must_use]
    pub fn event_id(&self) -> String {
        match self {
            Self::Charge(charge) => format!("evt_{}", charge.id),
            Self::Refund(refund) => format!("evt_{}", refund.id),
        }
    }

    #[must_use]
    pub fn event(&self) -> Event {
        let (kind, data, created_at) = match self {
            Self::Charge(charge) => match charge.status {
                ChargeStatus::Captured => ("charge.captured", serde_json::to_value(charge), charge.created_at),
                ChargeStatus::Declined => ("charge.declined", serde_json::to_value(charge), charge.created_at),
            },
            Self::Refund(refund) => ("refund.succeeded", serde_json::to_value(refund), refund.created_at),
        };
        Event { id: self.event_id(), kind, data: data.expect("charges and refunds are JSON"), created_at }
    }
}

#[cfg(test)]
mod tests {
    use super::DeclineReason;

    #[test]
    fn tokens_tell_what_comes_of_them() {
        let of = DeclineReason::of_token;
        assert_eq!(of("tok_visa_declined"), Some(DeclineReason::InsufficientFunds));
        assert_eq!(of("tok_a_b_expired"), Some(DeclineReason::ExpiredCard));
        for good in ["tok_visa_ok", "tok_declined", "visa_declined", "", "tok_visa_declined_ok"] {
            assert_eq!(of(good), None, "{good}");
        }
    }
}
