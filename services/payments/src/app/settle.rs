//! Outcomes: written once, with event and reply, whoever brings them.

use super::{Payments, event_message, reply, reply_message, undo::go_on};
use crate::{
    domain::{Payment, RefundKind, Status, Verdict},
    error::Error,
    metrics as names,
    provider::{Charge, ChargeStatus},
    store::{calls, payments, refunds},
};
use chassis::{
    failpoint,
    messaging::{Outgoing, outbox},
};
use chrono::Utc;
use contracts::{
    envelope::Event,
    event::payments::{PaymentCaptured, PaymentDeclined, PaymentRefunded},
};
use sqlx::PgConnection;
use uuid::Uuid;

impl Payments {
    /// Writes what became of a charge.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn settle_charge(&self, payment_id: Uuid, verdict: &Verdict) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        let settled = settle_charge(&mut tx, payment_id, verdict).await?;
        failpoint!("payments.settle.before_commit");
        outbox::postgres::commit(tx).await?;
        self.wake_for(settled.as_ref());
        Ok(())
    }

    /// Wakes the workers when a payment that was settled is being undone: there may be a refund to make.
    pub(super) fn wake_for(&self, settled: Option<&Payment>) {
        if settled.is_some_and(|payment| payment.undo_step.is_some()) {
            self.desk.wake();
        }
    }

    /// Writes what became of a refund: the provider's id when it was made.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn settle_refund(&self, payment_id: Uuid, refund_id: Uuid, made: Option<&str>) -> Result<(), Error> {
        let mut tx = self.pool.begin().await?;
        settle_refund(&mut tx, payment_id, refund_id, made).await?;
        failpoint!("payments.refund.before_commit");
        outbox::postgres::commit(tx).await?;
        self.desk.wake();
        Ok(())
    }
}

/// What the provider's answer means.
#[must_use]
pub(super) fn verdict(charge: Charge) -> Verdict {
    match charge.status {
        ChargeStatus::Captured => Verdict::Captured { charge_id: charge.id },
        ChargeStatus::Declined => {
            Verdict::Declined { reason: charge.decline_reason.unwrap_or_else(|| "declined".to_owned()) }
        }
    }
}

/// Writes the outcome of a pending payment, its event and its reply; nothing when it has one. Tells the payment that
/// it settled.
pub(super) async fn settle_charge(
    tx: &mut PgConnection,
    payment_id: Uuid,
    verdict: &Verdict,
) -> Result<Option<Payment>, Error> {
    let Some(payment) = payments::settle(tx, payment_id, verdict).await? else {
        known_before(tx, payment_id, verdict).await?;
        return Ok(None);
    };
    failpoint!("payments.settle.after_payment");
    calls::delete(tx, payment_id).await?;
    failpoint!("payments.settle.after_call");
    let replied = payment.outcome().map(|outcome| reply_message(&payment.charge_step, outcome, &payment.origin));
    let messages = [announcement(&payment)].into_iter().chain(replied).collect::<sqlx::Result<Vec<_>>>()?;
    outbox::postgres::enqueue_all(tx, messages).await?;
    failpoint!("payments.settle.after_outbox");
    metrics::counter!(names::CHARGES, "outcome" => payment.status.as_str()).increment(1);
    match (payment.status, &payment.undo_step) {
        (Status::Captured, _) => go_on(tx, &payment).await?,
        // Declined: there is nothing to give back.
        (_, Some(step)) => {
            let nothing = contracts::command::Outcome::Done { answer: serde_json::Value::Null };
            reply(tx, step, nothing, &payment.origin).await?;
        }
        _ => {}
    }
    Ok(Some(payment))
}

/// Two that agree are one outcome; two that do not are a matter for people.
async fn known_before(tx: &mut PgConnection, payment_id: Uuid, verdict: &Verdict) -> Result<(), Error> {
    let Some(payment) = payments::hold(tx, payment_id).await? else { return Ok(()) };
    let agrees = match verdict {
        Verdict::Captured { charge_id } => payment.provider_charge_id.as_deref() == Some(charge_id),
        Verdict::Declined { .. } => payment.status == Status::Declined,
    };
    if !agrees {
        tracing::error!(
            payment.id = %payment_id,
            payment.status = payment.status.as_str(),
            "The provider tells of an outcome that contradicts the one that is known."
        );
    }
    Ok(calls::delete(tx, payment_id).await?)
}

/// The event that tells the outcome of a charge.
fn announcement(payment: &Payment) -> sqlx::Result<Outgoing> {
    let (subject, version) = (payment.id.to_string(), payment.version.unsigned_abs());
    let (payment_id, orders_order_id, amount) = (payment.id, payment.orders_order_id, payment.amount);
    let at = payment.settled_at.unwrap_or_else(Utc::now);
    if payment.status == Status::Captured {
        let data = PaymentCaptured { payment_id, orders_order_id, amount, captured_at: at };
        event_message(Event::new(subject, version, data), &payment.origin)
    } else {
        let reason = payment.decline_reason.clone().unwrap_or_default();
        let data = PaymentDeclined { payment_id, orders_order_id, amount, reason, declined_at: at };
        event_message(Event::new(subject, version, data), &payment.origin)
    }
}

/// Writes the outcome of a pending refund and its event, and goes on undoing; nothing when it has one. Says whether
/// it did. A saga's refund never fails: it is tried until it is made.
pub(super) async fn settle_refund(
    tx: &mut PgConnection,
    payment_id: Uuid,
    refund_id: Uuid,
    made: Option<&str>,
) -> Result<bool, Error> {
    // The payment first: every change of it and of its refunds takes turns here.
    let Some(payment) = payments::hold(tx, payment_id).await? else { return Ok(false) };
    let Some(refund) = refunds::by_id(tx, refund_id).await? else { return Ok(false) };
    debug_assert!(made.is_some() || refund.kind == RefundKind::Operator);
    if !refunds::settle(tx, refund_id, made).await? {
        calls::delete(tx, refund_id).await?;
        return Ok(false);
    }
    failpoint!("payments.refund.after_refund");
    calls::delete(tx, refund_id).await?;
    failpoint!("payments.refund.after_call");
    let outcome = if made.is_some() { "succeeded" } else { "failed" };
    metrics::counter!(names::REFUNDS, "outcome" => outcome).increment(1);
    let payment = if made.is_some() {
        let payment =
            payments::add_refunded(tx, payment_id, refund.amount.minor).await?.ok_or(sqlx::Error::RowNotFound)?;
        let data = PaymentRefunded {
            payment_id,
            refund_id,
            orders_order_id: payment.orders_order_id,
            amount: refund.amount,
            refunded_total: payment.refunded(),
            refunded_at: Utc::now(),
        };
        let event = Event::new(payment_id.to_string(), payment.version.unsigned_abs(), data);
        outbox::postgres::enqueue(tx, event_message(event, &payment.origin)?).await?;
        payment
    } else {
        payment
    };
    failpoint!("payments.refund.after_event");
    go_on(tx, &payment).await?;
    Ok(true)
}
