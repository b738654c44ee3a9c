//! A charge, from the command to the reply: its intent is recorded, a worker calls the provider, and outcome, event and
//! reply are written together.

use super::undo::go_on;
use super::{INTERRUPTED, Payments, message, reply};
use crate::domain::{ChargeOutcome, KnownStep, Payment, Status, is_newer, reason};
use crate::error::Error;
use crate::metrics as names;
use crate::provider::{CallError, Charge, ChargeRequest, ChargeStatus};
use crate::store::calls::Call;
use crate::store::payments::{self, Intent};
use breaker::State;
use chassis::batcher::Batcher;
use chassis::failpoint;
use chrono::Utc;
use contracts::command::{Outcome, Replied};
use contracts::envelope::Event;
use contracts::event::payments::{PaymentCaptured, PaymentDeclined};
use messaging::Outgoing;
use postgres::Tx;
use secrecy::SecretString;
use serde_json::Value;
use sqlx::PgConnection;
use std::sync::Arc;
use uuid::Uuid;

/// The outcomes that wait to be written.
pub(super) type OutcomeBatcher = Batcher<(Uuid, ChargeOutcome), (), Error>;

impl Payments {
    /// Records intents to charge, each once by saga and step, and has workers call the provider. An intent that was
    /// recorded before is answered when its outcome is known. Fails when the database does. Some intents may have been
    /// recorded: the commands can come again.
    pub async fn charge(&self, intents: &[Intent]) -> Result<(), Error> {
        // Calls for which a worker is free are written as claimed: that saves the claim's transaction.
        let most = if self.provider.breaker().0 == State::Closed { intents.len() } else { 0 };
        let permits: Vec<_> = (0..most).map_while(|_| self.workers.try_permit()).collect();
        let lease = self.workers.lease();
        let mut tx = self.db.begin().await?;
        let recorded = payments::record(&mut tx, intents, permits.len(), lease).await?;
        failpoint!("payments.charge.after_payment");
        let (callable, invalid): (Vec<_>, Vec<_>) =
            recorded.iter().partition(|recorded| recorded.payment.is_chargeable());
        let outcome = || ChargeOutcome::Declined { reason: reason::INVALID_AMOUNT.to_owned() };
        let declined: Vec<_> = invalid.into_iter().map(|recorded| (recorded.payment.id, outcome())).collect();
        if !declined.is_empty() {
            settle_charges(&mut tx, &declined).await?;
        }
        failpoint!("payments.charge.before_commit");
        tx.commit().await?;
        failpoint!("payments.charge.after_commit");
        let (claimed, waiting): (Vec<_>, Vec<_>) = callable.into_iter().partition(|recorded| recorded.claimed);
        for (recorded, permit) in claimed.into_iter().zip(permits) {
            let intent = intents.iter().find(|intent| recorded.payment.charge_step == intent.command.step);
            let token = intent.filter(|_| recorded.keeps_token).map(|intent| &*intent.command.provider_token);
            self.spawn_call(permit, Call::charge(&recorded.payment, token.map(SecretString::from), lease.id));
        }
        if !waiting.is_empty() {
            self.workers.wake();
        }
        for intent in intents {
            if recorded.iter().all(|recorded| recorded.payment.charge_step != intent.command.step) {
                self.answer_again(intent).await?;
            }
        }
        Ok(())
    }

    /// Replies to a command that came before, or notes it as the one to reply to.
    async fn answer_again(&self, intent: &Intent) -> Result<(), Error> {
        let step = &intent.command.step;
        let mut tx = self.db.begin().await?;
        // It is there: nothing is ever deleted.
        let known = payments::hold_step(&mut tx, step.saga_id, &step.step).await?.ok_or(sqlx::Error::RowNotFound)?;
        match (&known, known.outcome()) {
            (_, Some(outcome)) => reply(&mut tx, step, outcome, &intent.origin)?,
            (KnownStep::Payment(payment), None) if is_newer(step, Some(&payment.charge_step)) => {
                payments::note_charge_step(&mut tx, payment.id, step).await?;
            }
            _ => {}
        }
        Ok(tx.commit().await?)
    }

    /// Charges at the provider; asks first where an earlier call may have reached it.
    pub(super) async fn call_charge(
        &self,
        call: &Call,
        token: Option<&SecretString>,
        method: &str,
        reference: Uuid,
    ) -> Result<ChargeOutcome, CallError> {
        if call.begun
            && let Some(charge) = self.provider.find_charge(&call.key, call.amount).await?
        {
            return Ok(charge_outcome(charge));
        }
        let declined = |reason: &str| Ok(ChargeOutcome::Declined { reason: reason.to_owned() });
        let Some(token) = token else { return declined(reason::CUSTOMER_ERASED) };
        // Also after "there is none": the call that may have been made before could still arrive there, and only
        // an answer to this key says for good what became of it.
        let (key, amount) = (&*call.key, call.amount);
        match self.provider.charge(ChargeRequest { key, amount, token, method, reference }).await {
            Err(CallError::Rejected(_)) => declined(reason::REJECTED),
            answer => answer.map(charge_outcome),
        }
    }

    /// Writes what became of a charge, with its event and its reply. Those that come while others are being written are
    /// written together.
    pub(super) async fn settle_charge(&self, payment_id: Uuid, outcome: ChargeOutcome) -> Result<(), Error> {
        let payments = self.clone();
        let written = self.outcomes.join((payment_id, outcome), move |outcomes| payments.clone().settle_all(outcomes));
        written.await.unwrap_or(Err(INTERRUPTED))
    }

    async fn settle_all(self, outcomes: Vec<Arc<(Uuid, ChargeOutcome)>>) -> Result<Vec<()>, Error> {
        let outcomes: Vec<_> = outcomes.iter().map(|outcome| (**outcome).clone()).collect();
        let mut tx = self.db.begin().await?;
        let settled = settle_charges(&mut tx, &outcomes).await?;
        failpoint!("payments.settle.before_commit");
        tx.commit().await?;
        self.wake_for(&settled);
        Ok(vec![(); outcomes.len()])
    }

    /// Wakes the workers when one of the payments that were settled is being undone: there may be a refund to make.
    pub(super) fn wake_for(&self, settled: &[Payment]) {
        if settled.iter().any(|payment| payment.undo_step.is_some()) {
            self.workers.wake();
        }
    }
}

/// What the provider's answer means.
pub(super) fn charge_outcome(charge: Charge) -> ChargeOutcome {
    match charge.status {
        ChargeStatus::Captured => ChargeOutcome::Captured { charge_id: charge.id },
        ChargeStatus::Declined => {
            ChargeOutcome::Declined { reason: charge.decline_reason.unwrap_or_else(|| "declined".to_owned()) }
        }
    }
}

/// Writes the outcomes of those payments that are pending, their events and their replies. Tells the payments that it
/// settled.
pub(super) async fn settle_charges(tx: &mut Tx, outcomes: &[(Uuid, ChargeOutcome)]) -> Result<Vec<Payment>, Error> {
    let settled = payments::settle(tx, outcomes).await?;
    failpoint!("payments.settle.after_payment");
    failpoint!("payments.settle.after_call");
    for (id, outcome) in outcomes {
        if settled.iter().all(|payment| payment.id != *id) {
            report_contradiction(tx, *id, outcome).await?;
        }
    }
    let mut messages = Vec::with_capacity(settled.len() * 2);
    for payment in &settled {
        messages.push(announcement(payment)?);
        if let Some(outcome) = payment.outcome() {
            let reply = Outgoing::reply(Replied { step: payment.charge_step.clone(), outcome });
            messages.push(message(reply, &payment.origin)?);
        }
    }
    tx.enqueue_all(messages);
    failpoint!("payments.settle.after_outbox");
    for payment in &settled {
        let outcome = payment.status.into_str();
        tx.on_commit(move || metrics::counter!(names::CHARGES, "outcome" => outcome).increment(1));
        match (payment.status, &payment.undo_step) {
            (Status::Captured, _) => go_on(tx, payment).await?,
            // Declined: there is nothing to give back.
            (_, Some(step)) => reply(tx, step, Outcome::Done { answer: Value::Null }, &payment.origin)?,
            _ => {}
        }
    }
    Ok(settled)
}

/// Two outcomes of one payment that agree are one; two that do not are a matter for people.
async fn report_contradiction(tx: &mut PgConnection, payment_id: Uuid, outcome: &ChargeOutcome) -> Result<(), Error> {
    let Some(payment) = payments::hold(tx, payment_id).await? else { return Ok(()) };
    let agrees = match outcome {
        ChargeOutcome::Captured { charge_id } => payment.provider_charge_id.as_deref() == Some(charge_id),
        ChargeOutcome::Declined { .. } => payment.status == Status::Declined,
    };
    if !agrees {
        tracing::error!(
            payment.id = %payment_id,
            payment.status = payment.status.into_str(),
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
    let event = if payment.status == Status::Captured {
        let data = PaymentCaptured { payment_id, orders_order_id, amount, captured_at: at };
        Outgoing::event(Event::new(subject, version, data))
    } else {
        let reason = payment.decline_reason.clone().unwrap_or_default();
        let data = PaymentDeclined { payment_id, orders_order_id, amount, reason, declined_at: at };
        Outgoing::event(Event::new(subject, version, data))
    };
    message(event, &payment.origin)
}
