//! Replies of participants.

use crate::engine::Engine;
use crate::error::Error;
use crate::machine::Refusal;
use crate::metrics;
use crate::store::Lock;
use crate::transition::Trigger;
use contracts::command::Replied;
use messaging::{HandleError, Handler, Message, Registration, Subscription};

/// How many batches of replies are worked on at once, each in a transaction.
const PARTITIONS: u16 = 2;
/// How many replies a batch holds at most.
const BATCH: u16 = 32;

impl Engine {
    /// The consumer of replies; it is named `<unit>.sagas`.
    #[must_use]
    pub fn replies(&self) -> Registration<Replies> {
        Subscription::to_commands(format!("{}.sagas", self.unit.name()), [self.unit.reply_to()])
            .partitions(PARTITIONS)
            .batch(BATCH)
            .handled_by(Replies { engine: self.clone() })
    }
}

/// Moves sagas on by the replies to their commands.
///
/// It needs no inbox: a saga waits for one attempt at one step, never for the same one twice, and takes no other reply.
pub struct Replies {
    engine: Engine,
}

impl Handler for Replies {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let replied = |message| Message::decode::<Replied>(message).map(|event| (message, event.data));
        let replies = batch.iter().map(replied).collect::<Result<Vec<_>, _>>()?;
        let moved = match <[_; 1]>::try_from(replies) {
            Ok([(_, replied)]) => self.move_one(replied).await,
            Err(replies) => self.engine.transact_all(replies).await,
        };
        let absorbed = moved.map_err(|error| match error {
            Error::Answer(error) => HandleError::Permanent(error),
            error => HandleError::transient(error),
        })?;
        ::metrics::counter!(metrics::ABSORBED).increment(absorbed);
        Ok(())
    }
}

impl Replies {
    /// Moves one saga on, also past a local step that fails. Tells how many replies no saga waited for: none or one.
    async fn move_one(&self, replied: Replied) -> Result<u64, Error> {
        let id = replied.step.saga_id;
        match self.engine.transact(id, &Trigger::Reply(replied), Lock::Wait).await {
            Err(Error::NotFound | Error::Refused(Refusal::Absorbed)) => {
                tracing::debug!(saga.id = %id, "A reply that no saga waits for was absorbed.");
                Ok(1)
            }
            moved => moved.map(|()| 0),
        }
    }
}
