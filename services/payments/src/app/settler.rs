//! Writes the outcomes of charges: those that come while others are being written are written together.
//!
//! There is no task for it. Whoever brings an outcome puts it down and asks for its turn; who gets it writes all that
//! lie there, and the others find theirs written.

use super::{Payments, settle::settle_charges};
use crate::{domain::Verdict, error::Error};
use chassis::{failpoint, messaging::outbox};
use std::{
    mem, slice,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as Turn, oneshot};
use uuid::Uuid;

/// Who was writing for others has ended: the provider will be asked.
const INTERRUPTED: Error = Error::Store(sqlx::Error::WorkerCrashed);

/// The outcomes that wait to be written. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Settler {
    waiting: Arc<Mutex<Vec<Settling>>>,
    turn: Arc<Turn<()>>,
}

/// An outcome, and who waits for it to be written.
struct Settling {
    outcome: (Uuid, Verdict),
    done: oneshot::Sender<Result<(), Error>>,
}

impl Settler {
    fn put(&self, settling: Settling) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(settling);
    }

    fn take(&self) -> Vec<Settling> {
        mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Payments {
    /// Writes what became of a charge, with its event and its reply.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn settle_charge(&self, payment_id: Uuid, verdict: Verdict) -> Result<(), Error> {
        let (done, mut settled) = oneshot::channel();
        self.settler.put(Settling { outcome: (payment_id, verdict), done });
        tokio::select! {
            biased;
            written = &mut settled => return written.unwrap_or(Err(INTERRUPTED)),
            _turn = self.settler.turn.lock() => self.settle_waiting().await,
        }
        settled.await.unwrap_or(Err(INTERRUPTED))
    }

    /// Writes what waits; one by one where it cannot be written together, so that none fails for another's sake.
    async fn settle_waiting(&self) {
        let waiting = self.settler.take().into_iter();
        let (outcomes, done): (Vec<_>, Vec<_>) = waiting.map(|it| (it.outcome, it.done)).unzip();
        // Whoever brought an outcome may be gone; it is written all the same.
        match self.settle_all(&outcomes).await {
            Err(_) if outcomes.len() > 1 => {
                for (outcome, done) in outcomes.iter().zip(done) {
                    let _ = done.send(self.settle_all(slice::from_ref(outcome)).await);
                }
            }
            Err(error) => {
                let _ = done.into_iter().next().map(|done| done.send(Err(error)));
            }
            Ok(()) => done.into_iter().for_each(|done| drop(done.send(Ok(())))),
        }
    }

    async fn settle_all(&self, outcomes: &[(Uuid, Verdict)]) -> Result<(), Error> {
        let mut tx = chassis::postgres::begin(&self.pool).await?;
        let settled = settle_charges(&mut tx, outcomes).await?;
        failpoint!("payments.settle.before_commit");
        outbox::postgres::commit(tx).await?;
        self.wake_for(&settled);
        Ok(())
    }
}
