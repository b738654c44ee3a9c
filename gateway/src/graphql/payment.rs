//! Payments, as the buyer sees them.

use super::customer::PaymentMethodKind;
use super::immediate::Immediate;
use super::money::Money;
use super::scalars::Moment;
use async_graphql::{Enum, ID, SimpleObject};
use contracts::rest::payments;

/// The payment of an order.
#[derive(SimpleObject)]
pub struct Payment {
    /// The payment's id.
    id: ID,
    /// The status.
    status: PaymentStatus,
    /// The amount of the charge.
    amount: Immediate<Money>,
    /// The amount that was refunded.
    refunded: Immediate<Money>,
    /// The kind of payment method.
    method: PaymentMethodKind,
    /// The last four digits, for cards.
    last_four: Option<String>,
    /// Why it was declined, as a code.
    decline_reason: Option<String>,
    /// The refunds, also those under way, oldest first.
    refunds: Vec<Immediate<Refund>>,
    /// When it was requested.
    created_at: Moment,
    /// When the result was known; null while it is pending.
    settled_at: Option<Moment>,
}

/// The status of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "payments::PaymentStatus")]
pub enum PaymentStatus {
    /// The provider has not answered yet.
    Pending,
    /// The money was taken.
    Captured,
    /// A part of the money was refunded.
    PartiallyRefunded,
    /// All of the money was refunded.
    Refunded,
    /// The provider refused.
    Declined,
    /// It was cancelled before the provider was asked.
    Undone,
}

/// A refund.
#[derive(SimpleObject)]
pub struct Refund {
    /// The refund's id.
    id: ID,
    /// The status.
    status: RefundStatus,
    /// The amount.
    amount: Immediate<Money>,
    /// The reason.
    reason: String,
    /// When it was requested.
    created_at: Moment,
    /// When the result was known; null while it is pending.
    settled_at: Option<Moment>,
}

/// The status of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "payments::RefundStatus")]
pub enum RefundStatus {
    /// The provider has not answered yet.
    Pending,
    /// The money was refunded.
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
