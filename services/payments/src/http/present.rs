//! Payments and refunds as REST tells of them.

use crate::app::PaymentWithRefunds;
use crate::domain::{self, Status};
use contracts::rest::payments::{Payment, PaymentStatus, Refund, RefundStatus};

pub(super) fn payment(shown: PaymentWithRefunds) -> Payment {
    let PaymentWithRefunds { payment, refunds } = shown;
    Payment {
        id: payment.id,
        orders_order_id: payment.orders_order_id,
        orders_customer_id: payment.orders_customer_id,
        status: status(&payment),
        amount: payment.amount,
        refunded: payment.refunded(),
        method: payment.method,
        last_four: payment.last_four,
        decline_reason: payment.decline_reason,
        refunds: refunds.into_iter().map(refund).collect(),
        created_at: payment.created_at,
        settled_at: payment.settled_at,
    }
}

fn status(payment: &domain::Payment) -> PaymentStatus {
    match payment.status {
        Status::Pending => PaymentStatus::Pending,
        Status::Captured if payment.refunded_minor == 0 => PaymentStatus::Captured,
        Status::Captured if payment.left(0).minor > 0 => PaymentStatus::PartiallyRefunded,
        Status::Captured => PaymentStatus::Refunded,
        Status::Declined => PaymentStatus::Declined,
        Status::Undone => PaymentStatus::Undone,
    }
}

pub(super) fn refund(refund: domain::Refund) -> Refund {
    Refund {
        id: refund.id,
        payment_id: refund.payment_id,
        status: match refund.status {
            domain::RefundStatus::Pending => RefundStatus::Pending,
            domain::RefundStatus::Succeeded => RefundStatus::Succeeded,
            domain::RefundStatus::Failed => RefundStatus::Failed,
        },
        amount: refund.amount,
        reason: refund.reason,
        created_at: refund.created_at,
        settled_at: refund.settled_at,
    }
}
