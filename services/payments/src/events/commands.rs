//! The commands of sagas. No inbox: a command has its effect once by saga and step, and a repeated one has a reply.

use crate::app::Payments;
use chassis::messaging::{HandleError, Handler, Message, Subscription};
use contracts::{
    command::checkout::{ChargePayment, RefundPayment},
    envelope::EventData,
};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "payments.commands";
/// How many sagas are worked on at once.
const PARTITIONS: u16 = 8;

/// What the consumer subscribes to.
#[must_use]
pub fn subscription() -> Subscription {
    Subscription::to_commands(CONSUMER, [ChargePayment::TYPE, RefundPayment::TYPE]).partitions(PARTITIONS)
}

/// Does what sagas command.
pub struct Commands(pub Payments);

impl Handler for Commands {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        match message.kind.as_str() {
            ChargePayment::TYPE => self.0.charge(&message.decode::<ChargePayment>()?.data).await?,
            RefundPayment::TYPE => self.0.undo(&message.decode::<RefundPayment>()?.data).await?,
            other => return Err(HandleError::permanent(format!("{other} is no command of payments"))),
        }
        Ok(())
    }
}
