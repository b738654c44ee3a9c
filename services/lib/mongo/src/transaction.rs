//! Transactions, run again while MongoDB says that another try may succeed.

use crate::Db;
use bson::Document;
use contracts::patience::STATEMENT;
use mongodb::ClientSession;
use mongodb::error::{self, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT};
use std::error::Error;
use std::iter;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The first pause between tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A transaction that may take several tries: the crate page shows one.
///
/// Unlike the driver's own runner it takes errors of the caller's, so that a transaction can end with a refusal and leave
/// nothing behind. It is a loop, since a closure that borrows both the session and its surroundings gives a future that
/// the compiler does not see to be `Send`.
pub struct Transaction {
    session: ClientSession,
    deadline: Instant,
    pause: Duration,
}

impl Db {
    /// Prepares a transaction, which may take five seconds with all its tries.
    pub async fn transaction(&self) -> Result<Transaction, error::Error> {
        let session = self.client().start_session().await?;
        Ok(Transaction { session, deadline: Instant::now() + STATEMENT, pause: FIRST_PAUSE })
    }
}

impl Transaction {
    /// Prepares the next transaction, in the same session.
    pub fn renew(&mut self) {
        (self.deadline, self.pause) = (Instant::now() + STATEMENT, FIRST_PAUSE);
    }

    /// The id of the session, which the server knows its transactions by.
    #[must_use]
    pub fn session_id(&self) -> &Document {
        self.session.id()
    }

    /// Begins a try.
    /// Fails when the last try has not ended.
    pub async fn start(&mut self) -> Result<&mut ClientSession, error::Error> {
        self.session.start_transaction().await?;
        Ok(&mut self.session)
    }

    /// Ends a try: commits what succeeded, drops what failed. `None` when it is to be tried again.
    ///
    /// When the database goes away during a commit, the error may hide that it happened.
    pub async fn end<T, E>(&mut self, outcome: Result<T, E>) -> Option<Result<T, E>>
    where
        E: Error + From<error::Error> + 'static,
    {
        let outcome = match outcome {
            Ok(value) => self.commit().await.map(|()| value).map_err(E::from),
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
                sleep(self.pause.mul_f64(rand::random_range(0.5..1.0))).await;
                self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                None
            }
            outcome => Some(outcome),
        }
    }

    async fn commit(&mut self) -> Result<(), error::Error> {
        loop {
            match self.session.commit_transaction().await {
                Err(error)
                    if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT) && Instant::now() < self.deadline => {}
                outcome => return outcome,
            }
        }
    }
}

/// The database's own error, if it is behind one of the caller's.
fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a error::Error> {
    iter::successors(Some(error), |cause| (*cause).source()).find_map(|cause| cause.downcast_ref())
}

fn is_unreached(error: &(dyn Error + 'static)) -> bool {
    behind(error).is_some_and(|cause| matches!(*cause.kind, ErrorKind::ServerSelection { .. }))
}

fn is_transient(error: &(dyn Error + 'static)) -> bool {
    behind(error).is_some_and(|cause| cause.contains_label(TRANSIENT_TRANSACTION_ERROR))
}
