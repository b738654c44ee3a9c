//! What orders tells: a confirmed order's pieces leave.

use super::fail;
use crate::app::Inventory;
use contracts::envelope::EventData;
use contracts::event::orders::OrderConfirmed;
use messaging::{HandleError, Handler, Message, Registration, Subscription};
use postgres::Inbox;

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "inventory.orders";
/// How many orders are worked on at once, each batch in a transaction.
pub const PARTITIONS: u16 = 2;
/// How many orders a batch holds at most.
const BATCH: u16 = 32;

/// The consumer, which works on an inventory.
#[must_use]
pub fn consumer(inventory: Inventory) -> Registration<Orders> {
    Subscription::new(CONSUMER, [OrderConfirmed::TYPE])
        .partitions(PARTITIONS)
        .batch(BATCH)
        .handled_by(Orders { inventory, inbox: Inbox::new(CONSUMER) })
}

pub struct Orders {
    inventory: Inventory,
    inbox: Inbox,
}

impl Handler for Orders {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let order = |message| Message::decode::<OrderConfirmed>(message).map(|event| (event.data.order_id, message));
        let confirmed = batch.iter().map(order).collect::<Result<Vec<_>, _>>()?;
        self.inventory.fulfil(&confirmed, &self.inbox).await.map_err(fail)
    }
}
