//! Transactions, run again while MongoDB says that another try may succeed.

use super::Store;
use crate::error::Error;
use mongodb::{
    ClientSession,
    error::{TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT},
};
use rand::Rng;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// For how long a transaction is tried.
const PATIENCE: Duration = Duration::from_secs(5);
/// The first pause between tries; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

impl Store {
    /// Runs `work` in a transaction and commits it; `work` may run several times.
    ///
    /// Unlike the driver's own runner it takes errors of ours, so that a transaction can end with
    /// a refusal and leave nothing behind.
    ///
    /// # Errors
    /// Fails with what `work` fails with, or when the commit fails. When the database went away
    /// during the commit it may have happened all the same.
    pub async fn transact<T, F>(&self, mut work: F) -> Result<T, Error>
    where
        F: for<'s> AsyncFnMut(&'s mut ClientSession) -> Result<T, Error>,
    {
        let deadline = Instant::now() + PATIENCE;
        let mut session = self.client.start_session().await?;
        let mut pause = FIRST_PAUSE;
        loop {
            session.start_transaction().await?;
            let outcome = match work(&mut session).await {
                Ok(value) => commit(&mut session, deadline).await.map(|()| value),
                Err(error) => {
                    // The server gives up by itself what this cannot reach.
                    let _ = session.abort_transaction().await;
                    Err(error)
                }
            };
            match outcome {
                Err(error) if is_transient(&error) && Instant::now() < deadline => {
                    sleep(pause.mul_f64(rand::rng().random_range(0.5..1.0))).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                outcome => return outcome,
            }
        }
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(error, Error::Store(cause) if cause.contains_label(TRANSIENT_TRANSACTION_ERROR))
}

async fn commit(session: &mut ClientSession, deadline: Instant) -> Result<(), Error> {
    loop {
        match session.commit_transaction().await {
            Err(error)
                if error.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
                    && Instant::now() < deadline => {}
            outcome => return Ok(outcome?),
        }
    }
}
