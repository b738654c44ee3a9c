//! Money that is given back.

use chrono::{DateTime, Utc};
use contracts::money::Money;
use uuid::Uuid;

/// Who wants money given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundKind {
    /// The saga, which undoes the charge.
    Compensation,
    Operator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum RefundStatus {
    /// The provider's answer is not known.
    Pending,
    /// The money was given back.
    Succeeded,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub id: Uuid,
    pub payment_id: Uuid,
    pub kind: RefundKind,
    pub status: RefundStatus,
    pub amount: Money,
    /// Why; empty where an operator said so and the customer was erased.
    pub reason: String,
    pub created_at: DateTime<Utc>,
    /// When the outcome was known.
    pub settled_at: Option<DateTime<Utc>>,
}
