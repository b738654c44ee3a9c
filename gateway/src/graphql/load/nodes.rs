//! What is found by its id alone.

use contracts::rest::orders::{self, Order};
use contracts::rest::shortener::{self, Link};
use uuid::Uuid;

use super::shop::ids;
use super::{Found, Key, Loader, Queue, Queues};
use crate::clients::ServiceError;

/// An order, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderOf(pub Uuid);

/// A link of the user's own, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkById(pub Uuid);

impl Key for OrderOf {
    type Value = Order;
    const LIMIT: usize = orders::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.orders
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let orders = loader.services().orders().orders_by_id(ids(keys, |key| key.0)).await?;
        Ok(orders.into_iter().map(|order| (Self(order.id), Ok(order))).collect())
    }
}

impl Key for LinkById {
    type Value = Link;
    const LIMIT: usize = shortener::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.links_by_id
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let links = loader.services().shortener().links_by_id(ids(keys, |key| key.0)).await?;
        Ok(links.into_iter().map(|link| (Self(link.id), Ok(link))).collect())
    }
}
