//! What sagas of other services tell orders to do.

use crate::{
    app::{Erased, Shop},
    store::commands,
};
use contracts::{
    command::{Command, Outcome, Replied, accounts::EraseCustomer},
    envelope::EventData,
};
use messaging::{HandleError, Handler, Message, Outgoing, Registration, Subscription};
use postgres::Db;
use serde_json::Value;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "orders.commands";

/// The consumer: of commands only; replies to our own sagas go another way.
#[must_use]
pub fn consumer(db: Db, shop: Shop) -> Registration<Commands> {
    let inbox = postgres::Inbox::new(CONSUMER);
    Subscription::to_commands(CONSUMER, [EraseCustomer::TYPE]).handled_by(Commands { db, shop, inbox })
}

/// Carries commands out.
pub struct Commands {
    db: Db,
    shop: Shop,
    inbox: postgres::Inbox,
}

impl Handler for Commands {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let command = message.decode::<EraseCustomer>()?.data;
        let mut tx = self.db.begin().await?;
        if !self.inbox.accept(&mut tx, message).await? {
            return Ok(());
        }
        let outcome = match commands::outcome(&mut tx, command.step()).await? {
            // A saga that was refused has turned back: a late attempt of it must not erase after all.
            Some(outcome) => outcome,
            None => {
                let outcome = erased(self.shop.erase(&mut tx, command.auth_user_id).await?);
                commands::note(&mut tx, command.step(), &outcome).await?;
                outcome
            }
        };
        let reply = Outgoing::reply(Replied { step: command.step().clone(), outcome })?;
        tx.enqueue(reply).await?;
        chassis::failpoint!("orders.erase.after_reply");
        Ok(tx.commit().await?)
    }
}

fn erased(erased: Erased) -> Outcome {
    match erased {
        Erased::Done => Outcome::Done { answer: Value::Null },
        Erased::OpenOrders => Outcome::Refused {
            code: "open_orders".to_owned(),
            message: "An order of the customer is under way.".to_owned(),
        },
    }
}
