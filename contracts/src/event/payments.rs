//! Events of payments. Subject of all: the payment's id. None names a card, a token or a person.

use crate::envelope::EventData;
use crate::money::Money;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The provider took the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentCaptured {
    pub payment_id: Uuid,
    /// The order (soft reference to orders).
    pub orders_order_id: Uuid,
    pub amount: Money,
    pub captured_at: DateTime<Utc>,
}

impl EventData for PaymentCaptured {
    const TYPE: &'static str = "payments.payment.captured";
    const VERSION: u32 = 1;
}

/// The provider refused to take the money.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentDeclined {
    pub payment_id: Uuid,
    /// The order (soft reference to orders).
    pub orders_order_id: Uuid,
    /// How much was asked for.
    pub amount: Money,
    /// The provider's reason, for a program.
    pub reason: String,
    pub declined_at: DateTime<Utc>,
}

impl EventData for PaymentDeclined {
    const TYPE: &'static str = "payments.payment.declined";
    const VERSION: u32 = 1;
}

/// Money was given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentRefunded {
    pub payment_id: Uuid,
    /// The refund; a payment may have several.
    pub refund_id: Uuid,
    /// The order (soft reference to orders).
    pub orders_order_id: Uuid,
    /// How much, this time.
    pub amount: Money,
    /// How much of the payment has been given back in all.
    pub refunded_total: Money,
    pub refunded_at: DateTime<Utc>,
}

impl EventData for PaymentRefunded {
    const TYPE: &'static str = "payments.payment.refunded";
    const VERSION: u32 = 1;
}
