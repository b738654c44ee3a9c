//! The commands of sagas. No inbox: a command has its effect once by saga and step, and a repeated one has a reply.

use crate::app::{Payments, origin};
use crate::store::payments::Intent;
use contracts::command::checkout::{ChargePayment, RefundPayment};
use contracts::envelope::EventData;
use messaging::{HandleError, Handler, Message, Registration, Subscription};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "payments.commands";
/// How many batches of commands are worked on at once, each in a transaction.
const PARTITIONS: u16 = 2;
/// How many commands a batch holds at most.
const BATCH: u16 = 32;

#[must_use]
pub fn consumer(payments: Payments) -> Registration<Commands> {
    Subscription::to_commands(CONSUMER, [ChargePayment::TYPE, RefundPayment::TYPE])
        .partitions(PARTITIONS)
        .batch(BATCH)
        .handled_by(Commands(payments))
}

pub struct Commands(Payments);

impl Handler for Commands {
    /// Charges that follow one another go together. What a failure leaves done is found done when the commands come again.
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        for alike in batch.chunk_by(|one, next| one.kind == next.kind) {
            match alike[0].kind.as_str() {
                ChargePayment::TYPE => {
                    let mut intents = Vec::with_capacity(alike.len());
                    for message in alike {
                        intents.push(intent(message).await?);
                    }
                    Box::pin(self.0.charge(&intents)).await?;
                }
                RefundPayment::TYPE => {
                    for message in alike {
                        let command = message.decode::<RefundPayment>()?.data;
                        Box::pin(message.scope(self.0.undo(&command))).await?;
                    }
                }
                other => return Err(HandleError::permanent(format!("{other} is no command of payments"))),
            }
        }
        Ok(())
    }
}

async fn intent(message: &Message) -> Result<Intent, HandleError> {
    let command = message.decode::<ChargePayment>()?.data;
    Ok(message.scope(async { Intent { command, origin: origin() } }).await)
}
