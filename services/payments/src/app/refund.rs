//! Refunds that operators ask for.

use super::Payments;
use crate::{
    domain::{Payment, Refund, RefundKind, Status},
    error::Error,
    store::{calls, payments, refunds},
};
use chassis::failpoint;
use contracts::money::Money;
use postgres::is_violation_of;
use sqlx::PgConnection;
use uuid::Uuid;

/// What an operator asks for.
pub struct RefundRequest {
    /// The payment.
    pub payment_id: Uuid,
    /// How much, from 1.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// The operator.
    pub requested_by: Uuid,
    /// What tells a repeated request from another.
    pub key: String,
}

impl RefundRequest {
    fn is(&self, refund: &Refund) -> bool {
        // Why is not known any more where the customer was erased.
        let same_reason = refund.reason == self.reason || refund.reason.is_empty();
        refund.payment_id == self.payment_id && refund.amount == self.amount && same_reason
    }

    fn requested(&self) -> refunds::Requested<'_> {
        refunds::Requested { by: self.requested_by, key: &self.key }
    }
}

impl Payments {
    /// Records a refund of some of a payment, once per operator and key; the provider is called behind it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotRefundable`], [`Error::TooMuch`] with refunds under way counted,
    /// [`Error::OtherCurrency`], [`Error::IdempotencyMismatch`].
    pub async fn refund(&self, request: &RefundRequest) -> Result<Refund, Error> {
        let mut tx = self.db.begin().await?;
        // The row's lock makes refunds of one payment take turns, whoever asks.
        let payment = payments::hold(&mut tx, request.payment_id).await?.ok_or(Error::NotFound)?;
        if let Some(refund) = refunds::by_request(&mut tx, request.requested()).await? {
            return if request.is(&refund) { Ok(refund) } else { Err(Error::IdempotencyMismatch) };
        }
        let refund = record(&mut tx, &payment, request).await?;
        failpoint!("payments.operator_refund.before_commit");
        tx.commit().await?;
        self.desk.wake();
        Ok(refund)
    }
}

async fn record(tx: &mut PgConnection, payment: &Payment, request: &RefundRequest) -> Result<Refund, Error> {
    if payment.status != Status::Captured || payment.undo_step.is_some() {
        return Err(Error::NotRefundable);
    }
    if request.amount.currency != payment.amount.currency {
        return Err(Error::OtherCurrency);
    }
    let left = payment.left(refunds::under_way(tx, payment.id).await?);
    if request.amount.minor > left.minor {
        return Err(Error::TooMuch { left });
    }
    let inserted = refunds::insert(tx, payment, request.amount, &request.reason, Some(request.requested())).await;
    let refund = inserted.map_err(|error| {
        // Of another payment, at this very moment.
        if is_violation_of(&error, "refunds_idempotency_key") { Error::IdempotencyMismatch } else { error.into() }
    })?;
    debug_assert_eq!(refund.kind, RefundKind::Operator);
    failpoint!("payments.operator_refund.after_refund");
    calls::insert_refund(tx, refund.id, payment.id).await?;
    Ok(refund)
}
