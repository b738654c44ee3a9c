//! Transitions in transactions of their own.

use crate::batch;
use crate::engine::Engine;
use crate::error::{Error, StepFailure};
use crate::machine::Refusal;
use crate::store::{self, Lock};
use crate::transition::{Transition, Trigger};
use chassis::failpoint;
use contracts::command::Replied;
use messaging::Message;
use postgres::Tx;
use std::collections::BTreeSet;
use uuid::Uuid;

/// How many local steps of one transition may fail, one after the other, before it is given up for now.
const FAILURES: usize = 4;

impl Engine {
    /// Moves a saga on in a transaction of its own. A local step that fails is rolled back, with all
    /// else; then the transition is made without it, and the saga waits to try it again.
    pub(crate) async fn transact(&self, id: Uuid, trigger: &Trigger, lock: Lock) -> Result<(), Error> {
        let mut failure = None;
        for _ in 0..FAILURES {
            match self.attempt(id, trigger, lock, failure.take()).await {
                Ok(()) => return Ok(()),
                Err(Error::StepFailed(at)) if !at.is_passing() => {
                    tracing::warn!(saga.id = %id, saga.step = at.name, error = format!("{:#}", at.error), "A local step of a saga failed and was rolled back.");
                    failure = Some(at);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Internal(anyhow::anyhow!("the local steps of the saga fail in turn")))
    }

    async fn attempt(
        &self,
        id: Uuid,
        trigger: &Trigger,
        lock: Lock,
        failure: Option<StepFailure>,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        if let Err(error) = self.advance(&mut tx, (id, lock), trigger, failure).await {
            // Before anybody looks again: who passes over locked sagas must find this one free.
            let _ = tx.rollback().await;
            return Err(error);
        }
        tx.commit().await?;
        failpoint!("saga.step.after_commit");
        Ok(())
    }

    /// Moves a saga on, in the transaction `tx`.
    pub(crate) async fn advance(
        &self,
        tx: &mut Tx,
        (id, lock): (Uuid, Lock),
        trigger: &Trigger,
        failure: Option<StepFailure>,
    ) -> Result<(), Error> {
        let record = store::lock(tx, id, lock).await?.ok_or(Error::NotFound)?;
        let transition = Transition::by(&self.unit, record, trigger)?.after(failure);
        batch::carry_out(tx, vec![transition]).await
    }

    /// Moves sagas on by replies, in one transaction; those to the same saga one after the other. Tells how many replies
    /// no saga waited for. When one of them cannot be moved, none is.
    pub(crate) async fn transact_all(&self, mut replies: Vec<(&Message, Replied)>) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let mut absorbed = 0;
        while !replies.is_empty() {
            let mut sagas = BTreeSet::new();
            let (firsts, later) = replies.into_iter().partition(|(_, replied)| sagas.insert(replied.step.saga_id));
            absorbed += self.advance_all(&mut tx, &sagas, firsts).await?;
            replies = later;
        }
        tx.commit().await?;
        failpoint!("saga.step.after_commit");
        Ok(absorbed)
    }

    /// Moves each of these sagas on by its reply.
    async fn advance_all(
        &self,
        tx: &mut Tx,
        sagas: &BTreeSet<Uuid>,
        replies: Vec<(&Message, Replied)>,
    ) -> Result<u64, Error> {
        let mut records = store::lock_all(tx, sagas).await?;
        let (mut batch, mut absorbed) = (Vec::new(), 0);
        for (message, replied) in replies {
            let place = records.iter().position(|record| record.id == replied.step.saga_id);
            let Some(record) = place.map(|place| records.swap_remove(place)) else {
                absorbed += 1;
                continue;
            };
            match message.scope(async { Transition::by(&self.unit, record, &Trigger::Reply(replied)) }).await {
                Ok(transition) => batch.push(transition),
                Err(Error::Refused(Refusal::Absorbed)) => absorbed += 1,
                Err(error) => return Err(error),
            }
        }
        batch::carry_out(tx, batch).await?;
        Ok(absorbed)
    }
}
