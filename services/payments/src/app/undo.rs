//! The command [`RefundPayment`]: gives back everything that a step took.

use super::{Payments, origin, reply};
use crate::domain::{KnownStep, Payment, Status, Undo, is_newer};
use crate::error::Error;
use crate::store::calls::{self, Call};
use crate::store::{payments, refunds};
use chassis::failpoint;
use contracts::command::checkout::RefundPayment;
use contracts::command::{Outcome, StepRef};
use postgres::Tx;
use serde_json::Value;

/// The reason of refunds that a saga asks for.
const REASON: &str = "undone by the saga";

impl Payments {
    /// Undoes a charge: what is captured is given back, what has not begun never will, and of what may have reached
    /// the provider the outcome is settled first. A step that has not come leaves a tombstone.
    pub async fn undo(&self, command: &RefundPayment) -> Result<(), Error> {
        let step = &command.step;
        let mut tx = self.db.begin().await?;
        let known = match payments::hold_step(&mut tx, step.saga_id, &step.step).await? {
            Some(known) => known,
            None if payments::insert_tombstone(&mut tx, step, command.orders_order_id).await? => KnownStep::Tombstone,
            // The command came in between.
            None => payments::hold_step(&mut tx, step.saga_id, &step.step).await?.ok_or(sqlx::Error::RowNotFound)?,
        };
        failpoint!("payments.undo.after_tombstone");
        match known {
            KnownStep::Tombstone => done(&mut tx, step).await?,
            KnownStep::Payment(payment) => self.undo_payment(&mut tx, *payment, step).await?,
        }
        failpoint!("payments.undo.before_commit");
        tx.commit().await?;
        self.workers.wake();
        Ok(())
    }

    /// Ends a charge that is being undone and that the provider never heard of: it was in a worker's hands when the
    /// compensation came.
    pub(super) async fn withdraw(&self, call: &Call) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let held = payments::hold(&mut tx, call.payment_id).await?;
        if let Some(payment) = held
            && payment.status == Status::Pending
            && let Some(step) = &payment.undo_step
            && calls::drop_claimed(&mut tx, call).await?
        {
            payments::undo(&mut tx, payment.id).await?;
            reply(&mut tx, step, nothing(), &payment.origin)?;
        }
        Ok(tx.commit().await?)
    }

    async fn undo_payment(&self, tx: &mut Tx, mut payment: Payment, step: &StepRef) -> Result<(), Error> {
        match payment.status {
            Status::Declined | Status::Undone => return done(tx, step).await,
            Status::Pending if calls::withdraw(tx, payment.id).await? => {
                payments::undo(tx, payment.id).await?;
                return done(tx, step).await;
            }
            Status::Pending | Status::Captured => {}
        }
        if is_newer(step, payment.undo_step.as_ref()) {
            payment.origin = origin();
            payments::note_undo_step(tx, payment.id, step, &payment.origin).await?;
            payment.undo_step = Some(step.clone());
        }
        failpoint!("payments.undo.after_note");
        if payment.status == Status::Captured {
            go_on(tx, &payment).await?;
        }
        Ok(())
    }
}

/// Does what is next for a captured payment that is held: gives back what is left, or replies that all is.
/// Nothing when it is not being undone.
pub(super) async fn go_on(tx: &mut Tx, payment: &Payment) -> Result<(), Error> {
    let Some(step) = &payment.undo_step else { return Ok(()) };
    match payment.undo(refunds::under_way(tx, payment.id).await?) {
        Undo::Wait => {}
        Undo::Done => reply(tx, step, nothing(), &payment.origin)?,
        Undo::Refund(rest) => {
            let refund = refunds::insert(tx, payment, rest, REASON, None).await?;
            failpoint!("payments.undo.after_refund");
            calls::insert_refund(tx, refund.id, payment.id).await?;
        }
    }
    Ok(())
}

async fn done(tx: &mut Tx, step: &StepRef) -> Result<(), Error> {
    Ok(reply(tx, step, nothing(), &origin())?)
}

fn nothing() -> Outcome {
    Outcome::Done { answer: Value::Null }
}
