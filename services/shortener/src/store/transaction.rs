//! Transactions, run again while MongoDB says that another try may succeed.

use super::Store;
use crate::error::Error;
use contracts::patience::STATEMENT;
use mongodb::{
    ClientSession,
    bson::Document,
    error::{ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT},
};
use rand::Rng;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The first pause between tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A transaction that may take several tries:
///
/// ```ignore
/// let mut transaction = store.transaction().await?;
/// loop {
///     let outcome = write(transaction.start().await?).await;
///     if let Some(outcome) = transaction.end(outcome).await {
///         return outcome;
///     }
/// }
/// ```
///
/// Unlike the driver's own runner it takes errors of ours, so that a transaction can end with a
/// refusal and leave nothing behind.
pub struct Transaction {
    session: ClientSession,
    deadline: Instant,
    pause: Duration,
}

impl Store {
    pub async fn transaction(&self) -> Result<Transaction, Error> {
        let session = self.client.start_session().await?;
        Ok(Transaction { session, deadline: Instant::now() + STATEMENT, pause: FIRST_PAUSE })
    }
}

impl Transaction {
    /// Prepares the next transaction, in the same session.
    pub fn renew(&mut self) {
        (self.deadline, self.pause) = (Instant::now() + STATEMENT, FIRST_PAUSE);
    }

    /// The session in which it runs, for [`Counts::take_over`](super::Counts::take_over).
    pub(super) fn session(&self) -> &Document {
        self.session.id()
    }

    /// Begins a try.
    ///
    /// # Errors
    /// Fails when the last try has not ended.
    pub async fn start(&mut self) -> Result<&mut ClientSession, Error> {
        self.session.start_transaction().await?;
        Ok(&mut self.session)
    }

    /// Ends a try: commits what succeeded, drops what failed. `None` when it is to be tried again.
    ///
    /// When the database goes away during a commit, the error may hide that it happened.
    pub async fn end<T>(&mut self, outcome: Result<T, Error>) -> Option<Result<T, Error>> {
        let outcome = match outcome {
            Ok(value) => self.commit().await.map(|()| value),
            // The driver has looked for a server long enough. Undoing what never began would make it look again.
            Err(error) if is_unreached(&error) => return Some(Err(error)),
            Err(error) => {
                // The server gives up by itself what this cannot reach.
                let _ = self.session.abort_transaction().await;
                Err(error)
            }
        };
        match outcome {
            Err(error) if is_transient(&error) && Instant::now() < self.deadline => {
                let jitter = rand::rng().random_range(0.5..1.0);
                sleep(self.pause.mul_f64(jitter)).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                None
            }
            outcome => Some(outcome),
        }
    }

    async fn commit(&mut self) -> Result<(), Error> {
        loop {
            match self.session.commit_transaction().await {
                Err(error)
                    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) && Instant::now() < self.deadline => {}
                outcome => return Ok(outcome?),
            }
        }
    }
}

fn is_unreached(error: &Error) -> bool {
    matches!(error, Error::Store(cause) if matches!(*cause.kind, ErrorKind::ServerSelection { .. }))
}

fn is_transient(error: &Error) -> bool {
    matches!(error, Error::Store(cause) if cause.contains_label(TRANSIENT_TRANSACTION_ERROR))
}
