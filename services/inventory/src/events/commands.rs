//! The commands of checkouts: to reserve stock, and to release it.

use super::fail;
use crate::app::Inventory;
use chassis::messaging::{HandleError, Handler, Message, Subscription};
use contracts::{
    command::checkout::{ReleaseStock, ReserveStock},
    envelope::EventData,
};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "inventory.commands";
/// How many sagas are worked on at once: enough for their commits to share the disk's time.
pub const PARTITIONS: u16 = 8;

/// What the consumer subscribes to.
#[must_use]
pub fn subscription() -> Subscription {
    Subscription::to_commands(CONSUMER, ["inventory.#"]).partitions(PARTITIONS)
}

/// Does what sagas tell. Needs no inbox: see [`Inventory::reserve`].
#[derive(Clone)]
pub struct Commands(Inventory);

impl Commands {
    /// Works on an inventory.
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        Self(inventory)
    }
}

impl Handler for Commands {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        match message.kind.as_str() {
            ReserveStock::TYPE => self.0.reserve(message.decode::<ReserveStock>()?.data).await.map_err(fail),
            ReleaseStock::TYPE => self.0.release(message.decode::<ReleaseStock>()?.data).await.map_err(fail),
            other => Err(HandleError::permanent(format!("there is no command {other}"))),
        }
    }
}
