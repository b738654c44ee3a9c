//! Outcomes: written once, with event and reply, whoever brings them.

use super::{Payments, event_message, reply, reply_message, undo::go_on};
use crate::{
    domain::{Payment, RefundKind, Status, Verdict},
    error::Error,
    metrics as names,
    provider::{Charge, ChargeStatus},
    store::{calls, payments, refunds},
};
use chassis::failpoint;
use chrono::Utc;
use contracts::{
    envelope::Event,
    event::payments::{PaymentCaptured, PaymentDeclined, PaymentRefunded},
};
use messaging::Outgoing;
use postgres::Tx;
use sqlx::PgConnection;
use uuid::Uuid;

impl Payments {
    /// Wakes the workers when one of the payments that were settled is being undone: there may be a refund to make.
    pub(super) fn wake_for(&self, settled: &[Payment]) {
        if settled.iter().any(|payment| payment.undo_step.is_some()) {
            self.desk.wake();
        }
    }

    /// Writes what became of a refund: the provider's id when it was made.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn settle_refund(&self, payment_id: Uuid, refund_id: Uuid, made: Option<&str>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        settle_refund(&mut tx, payment_id, refund_id, made).await?;
        failpoint!("payments.refund.before_commit");
        tx.commit().await?;
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

/// Writes the outcomes of those payments that are pending, their events and their replies. Tells the payments that it
/// settled.
pub(super) async fn settle_charges(tx: &mut Tx, outcomes: &[(Uuid, Verdict)]) -> Result<Vec<Payment>, Error> {
    let settled = payments::settle(tx, outcomes).await?;
    failpoint!("payments.settle.after_payment");
    for (id, verdict) in outcomes {
        if settled.iter().all(|payment| payment.id != *id) {
            known_before(tx, *id, verdict).await?;
        }
    }
    calls::delete(tx, &outcomes.iter().map(|(id, _)| *id).collect::<Vec<_>>()).await?;
    failpoint!("payments.settle.after_call");
    let mut messages = Vec::with_capacity(settled.len() * 2);
    for payment in &settled {
        messages.push(announcement(payment)?);
        if let Some(outcome) = payment.outcome() {
            messages.push(reply_message(&payment.charge_step, outcome, &payment.origin)?);
        }
    }
    tx.enqueue_all(messages).await?;
    failpoint!("payments.settle.after_outbox");
    for payment in &settled {
        let outcome = payment.status.as_str();
        tx.on_commit(move || metrics::counter!(names::CHARGES, "outcome" => outcome).increment(1));
        match (payment.status, &payment.undo_step) {
            (Status::Captured, _) => go_on(tx, payment).await?,
            // Declined: there is nothing to give back.
            (_, Some(step)) => {
                let nothing = contracts::command::Outcome::Done { answer: serde_json::Value::Null };
                reply(tx, step, nothing, &payment.origin).await?;
            }
            _ => {}
        }
    }
    Ok(settled)
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
    Ok(())
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
    tx: &mut Tx,
    payment_id: Uuid,
    refund_id: Uuid,
    made: Option<&str>,
) -> Result<bool, Error> {
    // The payment first: every change of it and of its refunds takes turns here.
    let Some(payment) = payments::hold(tx, payment_id).await? else { return Ok(false) };
    let Some(refund) = refunds::by_id(tx, refund_id).await? else { return Ok(false) };
    debug_assert!(made.is_some() || refund.kind == RefundKind::Operator);
    if !refunds::settle(tx, refund_id, made).await? {
        calls::delete(tx, &[refund_id]).await?;
        return Ok(false);
    }
    failpoint!("payments.refund.after_refund");
    calls::delete(tx, &[refund_id]).await?;
    failpoint!("payments.refund.after_call");
    let outcome = if made.is_some() { "succeeded" } else { "failed" };
    tx.on_commit(move || metrics::counter!(names::REFUNDS, "outcome" => outcome).increment(1));
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
        tx.enqueue(event_message(event, &payment.origin)?).await?;
        payment
    } else {
        payment
    };
    failpoint!("payments.refund.after_event");
    go_on(tx, &payment).await?;
    Ok(true)
}
