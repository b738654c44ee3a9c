//! The command [`ChargePayment`]: records what is to be charged. The workers charge it.

use super::{Payments, origin, reply, settle::settle_charges};
use crate::{
    domain::{Known, Payment, Status, Verdict, is_newer, reason},
    error::Error,
    store::{
        calls::{self, Job, NewCharge},
        payments::{self, Intent},
    },
};
use chassis::failpoint;
use contracts::command::checkout::ChargePayment;
use postgres::Tx;
use secrecy::SecretString;
use sqlx::PgConnection;

impl Payments {
    /// Records the intent to charge, once per saga and step, and returns: the provider is called behind it. A
    /// command that was recorded before is answered at once when its outcome is known.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn charge(&self, command: ChargePayment) -> Result<(), Error> {
        let intents = [Intent { command, origin: origin() }];
        let command = &intents[0].command;
        let mut tx = self.db.begin().await?;
        let payments = payments::insert(&mut tx, &intents).await?;
        let [payment] = &*payments else {
            answer_again(&mut tx, command).await?;
            return Ok(tx.commit().await?);
        };
        failpoint!("payments.charge.after_payment");
        if command.amount.minor <= 0 {
            let verdict = Verdict::Declined { reason: reason::INVALID_AMOUNT.to_owned() };
            settle_charges(&mut tx, &[(payment.id, verdict)]).await?;
            return Ok(tx.commit().await?);
        }
        self.commit_to_call(tx, &payments, &intents).await
    }

    /// Does what [`charge`](Self::charge) does for several commands; `false` when one of them came before or wants
    /// nothing charged, and nothing was done.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn charge_together(&self, intents: &[Intent]) -> Result<bool, Error> {
        if intents.iter().any(|intent| intent.command.amount.minor <= 0) {
            return Ok(false);
        }
        let mut tx = self.db.begin().await?;
        let payments = payments::insert(&mut tx, intents).await?;
        if payments.len() < intents.len() {
            tx.rollback().await?;
            return Ok(false);
        }
        failpoint!("payments.charge.after_payment");
        self.commit_to_call(tx, &payments, intents).await?;
        Ok(true)
    }

    /// Writes the calls of new payments, commits, and has them made.
    async fn commit_to_call(&self, mut tx: Tx, payments: &[Payment], intents: &[Intent]) -> Result<(), Error> {
        // With free workers calls are written as claimed, and handed over without a claim's transaction.
        let slots: Vec<_> = payments.iter().map_while(|_| self.desk.slot(&self.provider)).collect();
        let lease = self.desk.lease();
        let token = |payment: &Payment| {
            let mut commands = intents.iter().map(|intent| &intent.command);
            let of = commands.find(|it| it.step.saga_id == payment.saga_id && it.step.step == payment.step);
            of.map_or("", |command| &*command.provider_token)
        };
        let charges = payments.iter().enumerate();
        let charges: Vec<_> = charges
            .map(|(at, payment)| NewCharge { payment, token: token(payment), claimed: at < slots.len() })
            .collect();
        let kept = calls::insert_charges(&mut tx, &charges, lease).await?;
        failpoint!("payments.charge.before_commit");
        tx.commit().await?;
        failpoint!("payments.charge.after_commit");
        if slots.len() < charges.len() {
            self.desk.wake();
        }
        for (slot, NewCharge { payment, token, .. }) in slots.into_iter().zip(charges) {
            let token = kept.contains(&payment.id).then(|| SecretString::from(token));
            self.desk.hand(slot, self.clone(), Job::charge(payment, token, lease.id));
        }
        Ok(())
    }
}

/// Replies to a command that came before, or notes it as the one to reply to.
async fn answer_again(tx: &mut Tx, command: &ChargePayment) -> Result<(), Error> {
    let step = &command.step;
    // It is there: nothing is ever deleted.
    let known = payments::hold_step(tx, step.saga_id, &step.step).await?.ok_or(sqlx::Error::RowNotFound)?;
    match known {
        Known::Payment(payment) if payment.status == Status::Pending => note(tx, &payment, command).await,
        known => {
            let outcome = known.outcome().ok_or(sqlx::Error::RowNotFound)?;
            Ok(reply(tx, step, outcome, &origin()).await?)
        }
    }
}

async fn note(connection: &mut PgConnection, payment: &Payment, command: &ChargePayment) -> Result<(), Error> {
    if is_newer(&command.step, Some(&payment.charge_step)) {
        payments::note_charge_step(connection, payment.id, &command.step).await?;
    }
    Ok(())
}
