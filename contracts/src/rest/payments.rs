//! REST types of payments.

use crate::command::checkout::PaymentMethodKind;
use crate::money::Money;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A payment.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Payment {
    pub id: Uuid,
    /// The order that is paid (soft reference to orders).
    pub orders_order_id: Uuid,
    /// The buyer (soft reference to orders' customers).
    pub orders_customer_id: Uuid,
    pub status: PaymentStatus,
    /// How much was asked for.
    pub amount: Money,
    /// How much of it was given back.
    pub refunded: Money,
    /// The kind of means of payment.
    pub method: PaymentMethodKind,
    /// The last four digits of its number, where it has one and the customer was not erased.
    pub last_four: Option<String>,
    /// Why it was declined, for a program.
    pub decline_reason: Option<String>,
    /// What was given back or is about to be, the oldest first.
    pub refunds: Vec<Refund>,
    pub created_at: DateTime<Utc>,
    /// When the outcome was known; absent while it is pending.
    pub settled_at: Option<DateTime<Utc>>,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// The provider's answer is not known.
    Pending,
    /// The money was taken.
    Captured,
    /// Some of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// The provider refused.
    Declined,
    /// It was called off before the provider was asked.
    Undone,
}

/// Money that is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refund {
    pub id: Uuid,
    /// The payment that it is of.
    pub payment_id: Uuid,
    pub status: RefundStatus,
    pub amount: Money,
    pub reason: String,
    pub created_at: DateTime<Utc>,
    /// When the outcome was known; absent while it is pending.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub settled_at: Option<DateTime<Utc>>,
}

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// The provider's answer is not known.
    Pending,
    /// The money was given back.
    Succeeded,
    /// The provider refused.
    Failed,
}

/// `POST /v1/payments/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchPayments {
    /// 1 to 200 orders (soft references to orders).
    pub order_ids: Vec<Uuid>,
}

/// The answer to `POST /v1/payments/batch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentList {
    /// The newest payment of each order, in no particular order; orders without one, or whose payment the caller
    /// may not see, are left out.
    pub payments: Vec<Payment>,
}

/// `POST /v1/payments/{id}/refunds`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRefund {
    /// How much: from 1 to what is left, in the payment's currency.
    pub amount: Money,
    /// Why: 1 to 500 characters.
    pub reason: String,
}
