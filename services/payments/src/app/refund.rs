//! A refund: asked for by an operator or by [undoing](super::undo) a charge, made by a worker, and written with its event.

use super::undo::go_on;
use super::{Payments, message};
use crate::domain::{Payment, Refund, RefundKind, Status};
use crate::error::Error;
use crate::metrics as names;
use crate::provider::CallError;
use crate::store::calls::{self, Call};
use crate::store::{payments, refunds};
use chassis::failpoint;
use chassis::http::idempotency::KeyRefused;
use chassis::http::{IdempotencyKey, KeyedRequest};
use chrono::Utc;
use contracts::envelope::Event;
use contracts::event::payments::PaymentRefunded;
use contracts::money::Money;
use messaging::Outgoing;
use postgres::{Tx, idempotency, is_violation_of};
use sqlx::PgConnection;
use uuid::Uuid;

/// The name of this operation among those that can be repeated.
const OPERATION: &str = "refund";

/// What an operator asks for.
pub struct RefundRequest {
    pub payment_id: Uuid,
    /// How much, from 1.
    pub amount: Money,
    pub reason: String,
    pub requested_by: Uuid,
    pub key: IdempotencyKey,
}

impl Payments {
    /// Records a refund of some of a payment, once per operator and key; the provider is called behind it.
    pub async fn refund(&self, request: RefundRequest) -> Result<Refund, Error> {
        let body = (request.payment_id, request.amount, &request.reason);
        let keyed = KeyedRequest::new(request.requested_by, OPERATION, request.key.clone(), &body)?;
        let mut tx = self.db.begin().await?;
        let outcome = refund_once(&mut tx, &keyed, &request).await;
        let refund = tx.end(outcome).await?;
        self.workers.wake();
        Ok(refund)
    }

    /// Gives money back at the provider; asks first where an earlier call may have reached it. Tells the provider's id.
    pub(super) async fn call_refund(&self, call: &Call, charge_id: &str) -> Result<String, CallError> {
        if call.begun
            && let Some(refund) = self.provider.find_refund(&call.key, call.amount).await?
        {
            return Ok(refund.id);
        }
        Ok(self.provider.refund(&call.key, charge_id, call.amount).await?.id)
    }

    /// Writes what became of a refund: the provider's id when it was made.
    pub(super) async fn settle_refund(&self, call: &Call, made: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        settle_refund(&mut tx, call.payment_id, call.id, made).await?;
        failpoint!("payments.refund.before_commit");
        tx.commit().await?;
        self.workers.wake();
        Ok(())
    }
}

/// Records the refund, or tells how the one stands that was asked for before.
async fn refund_once(tx: &mut Tx, keyed: &KeyedRequest, request: &RefundRequest) -> Result<Refund, Error> {
    if let Some(answer) = idempotency::begin(tx, keyed).await?? {
        return Ok(refunds::by_id(tx, serde_json::from_value(answer)?).await?.ok_or(sqlx::Error::RowNotFound)?);
    }
    // The row's lock makes refunds of one payment take turns, whoever asks.
    let payment = payments::hold(tx, request.payment_id).await?.ok_or(Error::NotFound)?;
    let refund = record(tx, &payment, request).await?;
    idempotency::keep(tx, keyed, &refund.id).await??;
    failpoint!("payments.operator_refund.before_commit");
    Ok(refund)
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
    let requested = refunds::Requested { by: request.requested_by, key: request.key.as_str() };
    let inserted = refunds::insert(tx, payment, request.amount, &request.reason, Some(requested)).await;
    let refund = inserted.map_err(|error| {
        // A key of more than 72 hours ago: money is never given back twice under one.
        if is_violation_of(&error, "refunds_idempotency_key") {
            KeyRefused::Mismatch.into()
        } else {
            Error::Store(error)
        }
    })?;
    debug_assert_eq!(refund.kind, RefundKind::Operator);
    failpoint!("payments.operator_refund.after_refund");
    calls::insert_refund(tx, refund.id, payment.id).await?;
    Ok(refund)
}

/// Writes the outcome of a pending refund and its event, and goes on undoing; nothing when it has one. Says whether
/// it did. A saga's refund never fails: it is tried until it is made.
pub(super) async fn settle_refund(
    tx: &mut Tx,
    payment_id: Uuid,
    refund_id: Uuid,
    made: Option<&str>,
) -> Result<bool, Error> {
    // The payment first: every change of it and of its refunds takes turns here.
    let Some(mut payment) = payments::hold(tx, payment_id).await? else { return Ok(false) };
    let Some(refund) = refunds::by_id(tx, refund_id).await? else { return Ok(false) };
    debug_assert!(made.is_some() || refund.kind == RefundKind::Operator);
    let is_settled = refunds::settle(tx, refund_id, made).await?;
    failpoint!("payments.refund.after_refund");
    calls::delete(tx, refund_id).await?;
    if !is_settled {
        return Ok(false);
    }
    failpoint!("payments.refund.after_call");
    let outcome = if made.is_some() { "succeeded" } else { "failed" };
    tx.on_commit(move || metrics::counter!(names::REFUNDS, "outcome" => outcome).increment(1));
    if made.is_some() {
        payment = payments::add_refunded(tx, payment_id, refund.amount.minor).await?.ok_or(sqlx::Error::RowNotFound)?;
        let data = PaymentRefunded {
            payment_id,
            refund_id,
            orders_order_id: payment.orders_order_id,
            amount: refund.amount,
            refunded_total: payment.refunded(),
            refunded_at: Utc::now(),
        };
        let event = Event::new(payment_id.to_string(), payment.version.unsigned_abs(), data);
        tx.enqueue(message(Outgoing::event(event), &payment.origin)?)?;
    }
    failpoint!("payments.refund.after_event");
    go_on(tx, &payment).await?;
    Ok(true)
}
