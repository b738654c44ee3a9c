//! The commands of checkouts: to reserve stock, and to release it.

use super::fail;
use crate::app::Inventory;
use contracts::{
    command::checkout::{ReleaseStock, ReserveStock},
    envelope::EventData,
};
use messaging::{HandleError, Handler, Message, Registration, Subscription};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "inventory.commands";
/// How many lots of commands are worked on at once, each in a transaction.
pub const PARTITIONS: u16 = 2;
/// How many commands a lot is at most.
const TOGETHER: u16 = 32;

/// The consumer, which works on an inventory.
#[must_use]
pub fn consumer(inventory: Inventory) -> Registration<Commands> {
    Subscription::to_commands(CONSUMER, [ReserveStock::TYPE, ReleaseStock::TYPE])
        .partitions(PARTITIONS)
        .together(TOGETHER)
        .handled_by(Commands(inventory))
}

/// Does what sagas tell. Needs no inbox: see [`Inventory::reserve`].
pub struct Commands(Inventory);

impl Handler for Commands {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        match message.kind.as_str() {
            ReserveStock::TYPE => self.0.reserve(message.decode::<ReserveStock>()?.data).await.map_err(fail),
            ReleaseStock::TYPE => self.0.release(message.decode::<ReleaseStock>()?.data).await.map_err(fail),
            other => Err(HandleError::permanent(format!("there is no command {other}"))),
        }
    }

    /// Only commands to reserve go together: the others are rare.
    async fn handle_together(&self, messages: &[Message]) -> Result<bool, HandleError> {
        if messages.iter().any(|message| message.kind != ReserveStock::TYPE) {
            return Ok(false);
        }
        let command = |message| Message::decode::<ReserveStock>(message).map(|event| (message, event.data));
        let commands = messages.iter().map(command).collect::<Result<Vec<_>, _>>()?;
        self.0.reserve_together(commands).await.map_err(fail)
    }
}
