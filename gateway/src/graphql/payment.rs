//! Payments, as the buyer sees them.

use async_graphql::{Enum, ID, SimpleObject};
use contracts::rest::payments;

use super::customer::PaymentMethodKind;
use super::immediate::Immediate;
use super::moment::Moment;
use super::money::Money;

/// What was paid for an order.
#[derive(SimpleObject)]
pub struct Payment {
    /// The payment's id.
    id: ID,
    /// How it stands.
    status: PaymentStatus,
    /// How much was asked for.
    amount: Immediate<Money>,
    /// How much of it was given back.
    refunded: Immediate<Money>,
    /// The kind of means of payment.
    method: PaymentMethodKind,
    /// The last four digits of its number, where it has one.
    last_four: Option<String>,
    /// Why it was declined, for a program.
    decline_reason: Option<String>,
    /// What was given back or is about to be, the oldest first.
    refunds: Vec<Immediate<Refund>>,
    /// When it was asked for.
    created_at: Moment,
    /// When the outcome was known; null while it is pending.
    settled_at: Option<Moment>,
}

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "payments::PaymentStatus")]
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
#[derive(SimpleObject)]
pub struct Refund {
    /// The refund's id.
    id: ID,
    /// How it stands.
    status: RefundStatus,
    /// How much.
    amount: Immediate<Money>,
    /// Why.
    reason: String,
    /// When it was asked for.
    created_at: Moment,
    /// When the outcome was known; null while it is pending.
    settled_at: Option<Moment>,
}

/// How a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "payments::RefundStatus")]
pub enum RefundStatus {
    /// The provider's answer is not known.
    Pending,
    /// The money was given back.
    Succeeded,
    /// The provider refused.
    Failed,
}

impl From<payments::Payment> for Payment {
    fn from(payment: payments::Payment) -> Self {
        Self {
            id: payment.id.into(),
            status: payment.status.into(),
            amount: payment.amount.into(),
            refunded: payment.refunded.into(),
            method: payment.method.into(),
            last_four: payment.last_four,
            decline_reason: payment.decline_reason,
            refunds: payment.refunds.into_iter().map(Refund::from).map(Immediate).collect(),
            created_at: payment.created_at.into(),
            settled_at: payment.settled_at.map(Moment),
        }
    }
}

impl From<payments::Refund> for Refund {
    fn from(refund: payments::Refund) -> Self {
        Self {
            id: refund.id.into(),
            status: refund.status.into(),
            amount: refund.amount.into(),
            reason: refund.reason,
            created_at: refund.created_at.into(),
            settled_at: refund.settled_at.map(Moment),
        }
    }
}
