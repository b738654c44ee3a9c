//! The commands of sagas. No inbox: a command has its effect once by saga and step, and a repeated one has a reply.

use crate::{
    app::{Payments, origin},
    store::payments::Intent,
};
use contracts::{
    command::checkout::{ChargePayment, RefundPayment},
    envelope::EventData,
};
use messaging::{HandleError, Handler, Message, Registration, Subscription};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "payments.commands";
/// How many lots of commands are worked on at once, each in a transaction.
const PARTITIONS: u16 = 2;
/// How many commands a lot is at most.
const TOGETHER: u16 = 32;

/// The consumer.
#[must_use]
pub fn consumer(payments: Payments) -> Registration<Commands> {
    Subscription::to_commands(CONSUMER, [ChargePayment::TYPE, RefundPayment::TYPE])
        .partitions(PARTITIONS)
        .together(TOGETHER)
        .handled_by(Commands(payments))
}

/// Does what sagas command.
pub struct Commands(Payments);

impl Handler for Commands {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        match message.kind.as_str() {
            ChargePayment::TYPE => self.0.charge(&[intent(message).await?]).await?,
            RefundPayment::TYPE => self.0.undo(&message.decode::<RefundPayment>()?.data).await?,
            other => return Err(HandleError::permanent(format!("{other} is no command of payments"))),
        }
        Ok(())
    }

    /// Only commands to charge go together: the others are rare.
    async fn handle_together(&self, messages: &[Message]) -> Result<bool, HandleError> {
        if messages.iter().any(|message| message.kind != ChargePayment::TYPE) {
            return Ok(false);
        }
        let mut intents = Vec::with_capacity(messages.len());
        for message in messages {
            intents.push(intent(message).await?);
        }
        self.0.charge(&intents).await?;
        Ok(true)
    }
}

async fn intent(message: &Message) -> Result<Intent, HandleError> {
    let command = message.decode::<ChargePayment>()?.data;
    Ok(message.scope(async { Intent { command, origin: origin() } }).await)
}
