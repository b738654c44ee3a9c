//! Takes part in the deletion of accounts: hides an owner's statistics, or shows them again.
//!
//! ClickHouse has no transactions, so no outbox: the reply is published when the row is written, and before the command
//! is acknowledged. A command that comes again writes the same row and is answered again.

use crate::store::Database;
use crate::store::detachments::Stage;
use chassis::failpoint;
use contracts::command::accounts::{AttachStatistics, DetachStatistics};
use contracts::command::{Outcome, Replied, StepRef};
use contracts::envelope::EventData;
use messaging::{Broker, HandleError, Handler, Message, Outgoing, Publisher, Registration, Subscription};
use serde_json::Value;
use uuid::Uuid;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "analytics.accounts";

pub fn consumer(broker: &Broker, database: Database) -> Registration<Accounts> {
    Subscription::to_commands(CONSUMER, [DetachStatistics::TYPE, AttachStatistics::TYPE])
        .partitions(1)
        .handled_by(Accounts { database, publisher: broker.publisher() })
}

pub struct Accounts {
    database: Database,
    publisher: Publisher,
}

impl Handler for Accounts {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for message in batch {
            self.execute(message).await?;
        }
        Ok(())
    }
}

impl Accounts {
    async fn execute(&self, message: &Message) -> Result<(), HandleError> {
        let (step, outcome) = match message.kind.as_str() {
            DetachStatistics::TYPE => {
                let command = message.decode::<DetachStatistics>()?.data;
                let outcome = self.detach(command.auth_user_id, &command.step).await?;
                (command.step, outcome)
            }
            AttachStatistics::TYPE => {
                let command = message.decode::<AttachStatistics>()?.data;
                self.database.bring_to(command.auth_user_id, command.step.saga_id, Stage::Attached).await?;
                failpoint!("analytics.attach.after_row");
                (command.step, Outcome::Done { answer: Value::Null })
            }
            _ => return Ok(()),
        };
        let reply = Outgoing::reply(Replied { step, outcome }).map_err(HandleError::permanent)?;
        self.publisher.publish(reply).await?;
        failpoint!("analytics.accounts.after_reply");
        Ok(())
    }

    async fn detach(&self, owner: Uuid, step: &StepRef) -> Result<Outcome, HandleError> {
        self.database.bring_to(owner, step.saga_id, Stage::Detached).await?;
        failpoint!("analytics.detach.after_row");
        // Asked after writing: whichever of the two commands comes last, what undoes wins.
        if self.database.is_attached_again(owner, step.saga_id).await? {
            let message = "The statistics were attached again before they were detached.".to_owned();
            return Ok(Outcome::Refused { code: "undone".to_owned(), message });
        }
        Ok(Outcome::Done { answer: Value::Null })
    }
}
