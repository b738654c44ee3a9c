//! What orders tells: a confirmed order's pieces leave.

use super::fail;
use crate::app::Inventory;
use chassis::messaging::{HandleError, Handler, Message, Subscription, inbox::postgres::Inbox};
use contracts::{envelope::EventData, event::orders::OrderConfirmed};

/// The consumer's name: its queues are named after it.
pub const CONSUMER: &str = "inventory.orders";
/// How many orders are worked on at once.
pub const PARTITIONS: u16 = 4;

/// What the consumer subscribes to.
#[must_use]
pub fn subscription() -> Subscription {
    Subscription::new(CONSUMER, [OrderConfirmed::TYPE]).partitions(PARTITIONS)
}

/// Follows the orders.
#[derive(Clone)]
pub struct Orders {
    inventory: Inventory,
    inbox: Inbox,
}

impl Orders {
    /// Works on an inventory.
    #[must_use]
    pub fn new(inventory: Inventory) -> Self {
        Self { inventory, inbox: Inbox::new(CONSUMER) }
    }
}

impl Handler for Orders {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let order = message.decode::<OrderConfirmed>()?.data.order_id;
        self.inventory.fulfil(order, &self.inbox, message).await.map_err(fail)
    }
}
