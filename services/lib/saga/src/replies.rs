//! Replies of participants.

use crate::{engine::Engine, error::Error, machine::Refusal, metrics, store::Lock, transition::Impulse};
use contracts::command::Replied;
use messaging::{HandleError, Handler, Message};

/// Moves sagas on by the replies to their commands.
///
/// It needs no inbox: a saga waits for one attempt at one step, never for the same one twice, and
/// takes no other reply.
pub struct Replies {
    engine: Engine,
}

impl Replies {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

impl Handler for Replies {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let replied = message.decode::<Replied>()?.data;
        let id = replied.step.saga_id;
        match self.engine.transact(id, &Impulse::Reply(replied), Lock::Wait).await {
            Ok(()) => Ok(()),
            Err(Error::NotFound | Error::Refused(Refusal::Absorbed)) => {
                absorbed(1);
                tracing::debug!(saga.id = %id, "A reply that no saga waits for was absorbed.");
                Ok(())
            }
            Err(Error::Answer(error)) => Err(HandleError::Permanent(error)),
            Err(error) => Err(HandleError::transient(error)),
        }
    }

    async fn handle_together(&self, messages: &[Message]) -> Result<bool, HandleError> {
        let replied = |message| Message::decode::<Replied>(message).map(|event| (message, event.data));
        let replies = messages.iter().map(replied).collect::<Result<Vec<_>, _>>()?;
        let moved = self.engine.transact_together(replies).await.map_err(HandleError::transient)?;
        absorbed(moved.unwrap_or_default());
        Ok(moved.is_some())
    }
}

/// Counts replies that no saga waited for.
fn absorbed(count: u64) {
    ::metrics::counter!(metrics::ABSORBED).increment(count);
}
