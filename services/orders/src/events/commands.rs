//! What sagas of other services tell orders to do.

use crate::app::{Customers, Erased};
use crate::store::commands;
use contracts::command::accounts::EraseCustomer;
use contracts::command::{Command, Outcome, Replied};
use contracts::envelope::EventData;
use messaging::{HandleError, Handler, Message, Outgoing, Registration, Subscription};
use postgres::{Db, Tx};
use serde_json::Value;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "orders.commands";

/// The consumer: of commands only; replies to our own sagas go another way.
#[must_use]
pub fn consumer(db: Db, customers: Customers) -> Registration<Commands> {
    let inbox = postgres::Inbox::new(CONSUMER);
    Subscription::to_commands(CONSUMER, [EraseCustomer::TYPE]).handled_by(Commands { db, customers, inbox })
}

pub struct Commands {
    db: Db,
    customers: Customers,
    inbox: postgres::Inbox,
}

impl Handler for Commands {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let mut tx = self.db.begin().await?;
        for message in self.inbox.accept(&mut tx, batch).await? {
            self.erase(&mut tx, message.decode::<EraseCustomer>()?.data).await?;
        }
        chassis::failpoint!("orders.erase.after_reply");
        Ok(tx.commit().await?)
    }
}

impl Commands {
    /// Erases a customer and replies.
    async fn erase(&self, tx: &mut Tx, command: EraseCustomer) -> Result<(), HandleError> {
        let outcome = match commands::outcome(tx, command.step()).await? {
            // A saga that was refused has turned back: a late attempt of it must not erase after all.
            Some(outcome) => outcome,
            None => {
                let outcome = erased(self.customers.erase(tx, command.auth_user_id).await?);
                commands::note(tx, command.step(), &outcome).await?;
                outcome
            }
        };
        let reply = Outgoing::reply(Replied { step: command.step().clone(), outcome })?;
        tx.enqueue(reply)?;
        Ok(())
    }
}

fn erased(erased: Erased) -> Outcome {
    match erased {
        Erased::Done => Outcome::Done { answer: Value::Null },
        Erased::OpenOrders => Outcome::Refused {
            code: "open_orders".to_owned(),
            message: "The customer has an open order: wait until it is delivered, or cancel it.".to_owned(),
        },
    }
}
