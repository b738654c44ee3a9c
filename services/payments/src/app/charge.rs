//! The command [`ChargePayment`]: records what is to be charged. The workers charge it.

use super::{Payments, origin, reply, settle::settle_charge};
use crate::{
    domain::{Known, Payment, Status, Verdict, is_newer, reason},
    error::Error,
    store::{
        calls::{self, Job},
        payments,
    },
};
use chassis::{failpoint, messaging::outbox};
use contracts::command::checkout::ChargePayment;
use secrecy::SecretString;
use sqlx::PgConnection;

impl Payments {
    /// Records the intent to charge, once per saga and step, and returns: the provider is called behind it. A
    /// command that was recorded before is answered at once when its outcome is known.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn charge(&self, command: &ChargePayment) -> Result<(), Error> {
        // With a free worker the call is written as claimed, and handed over without a claim's transaction.
        let slot = self.desk.slot(&self.provider);
        let lease = slot.as_ref().map(|_| self.desk.lease());
        let mut tx = self.pool.begin().await?;
        let Some(payment) = payments::insert(&mut tx, command, &origin()).await? else {
            answer_again(&mut tx, command).await?;
            return Ok(outbox::postgres::commit(tx).await?);
        };
        failpoint!("payments.charge.after_payment");
        if command.amount.minor <= 0 {
            let verdict = Verdict::Declined { reason: reason::INVALID_AMOUNT.to_owned() };
            settle_charge(&mut tx, payment.id, &verdict).await?;
            return Ok(outbox::postgres::commit(tx).await?);
        }
        let kept = calls::insert_charge(&mut tx, &payment, &command.provider_token, lease).await?;
        failpoint!("payments.charge.before_commit");
        outbox::postgres::commit(tx).await?;
        failpoint!("payments.charge.after_commit");
        match (slot, lease) {
            (Some(slot), Some(lease)) => {
                let token = kept.then(|| SecretString::from(command.provider_token.as_str()));
                self.desk.hand(slot, self.clone(), Job::charge(&payment, token, lease.id));
            }
            _ => self.desk.wake(),
        }
        Ok(())
    }
}

/// Replies to a command that came before, or notes it as the one to reply to.
async fn answer_again(connection: &mut PgConnection, command: &ChargePayment) -> Result<(), Error> {
    let step = &command.step;
    // It is there: nothing is ever deleted.
    let known = payments::hold_step(connection, step.saga_id, &step.step).await?.ok_or(sqlx::Error::RowNotFound)?;
    match known {
        Known::Payment(payment) if payment.status == Status::Pending => note(connection, &payment, command).await,
        known => {
            let outcome = known.outcome().ok_or(sqlx::Error::RowNotFound)?;
            Ok(reply(connection, step, outcome, &origin()).await?)
        }
    }
}

async fn note(connection: &mut PgConnection, payment: &Payment, command: &ChargePayment) -> Result<(), Error> {
    if is_newer(&command.step, Some(&payment.charge_step)) {
        payments::note_charge_step(connection, payment.id, &command.step).await?;
    }
    Ok(())
}
