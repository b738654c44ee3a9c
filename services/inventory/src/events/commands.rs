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
/// How many batches of commands are worked on at once, each in a transaction.
pub const PARTITIONS: u16 = 2;
/// How many commands a batch holds at most.
const BATCH: u16 = 32;

/// The consumer, which works on an inventory.
#[must_use]
pub fn consumer(inventory: Inventory) -> Registration<Commands> {
    Subscription::to_commands(CONSUMER, [ReserveStock::TYPE, ReleaseStock::TYPE])
        .partitions(PARTITIONS)
        .batch(BATCH)
        .handled_by(Commands(inventory))
}

/// Does what sagas tell. Needs no inbox: see [`Inventory::reserve`].
pub struct Commands(Inventory);

impl Handler for Commands {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let [message] = batch else { return self.reserve_all(batch).await };
        match message.kind.as_str() {
            ReserveStock::TYPE => self.0.reserve(message.decode::<ReserveStock>()?.data).await.map_err(fail),
            ReleaseStock::TYPE => self.0.release(message.decode::<ReleaseStock>()?.data).await.map_err(fail),
            other => Err(HandleError::permanent(format!("there is no command {other}"))),
        }
    }
}

impl Commands {
    /// Only commands to reserve go together: the others are rare.
    async fn reserve_all(&self, batch: &[Message]) -> Result<(), HandleError> {
        let command = |message| Message::decode::<ReserveStock>(message).map(|event| (message, event.data));
        let commands = batch.iter().map(command).collect::<Result<Vec<_>, _>>()?;
        if !self.0.reserve_together(commands).await.map_err(fail)? {
            return Err(HandleError::permanent("a command of the batch came before"));
        }
        Ok(())
    }
}
