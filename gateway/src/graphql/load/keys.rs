//! The kinds of things that are loaded in batches.

use super::{Found, Key, Loader, Queue, Queues};
use crate::clients::ServiceError;
use contracts::rest::{auth, inventory, orders, payments, shortener};
use uuid::Uuid;

/// Declares kinds of keys: the queue of each, how many one call may have, the call, and the key and value of each thing
/// it returns.
macro_rules! keys {
    ($(
        $(#[$attribute:meta])+
        $Key:ident($id:ty) in $queue:ident, at most $limit:expr =>
        |$loader:ident, $ids:ident| $ask:expr => |$found:ident: $Found:ty| ($key:expr, $value:expr): $Value:ty;
    )+) => {$(
        $(#[$attribute])+
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub struct $Key(pub $id);

        impl Key for $Key {
            type Value = $Value;
            const LIMIT: usize = $limit;

            fn queue(queues: &Queues) -> &Queue<Self> {
                &queues.$queue
            }

            async fn ask(keys: &[Self], $loader: &Loader) -> Result<Found<Self>, ServiceError> {
                let $ids = keys.iter().map(|key| key.0.clone()).collect();
                let found = $ask.await?.into_iter();
                Ok(found.map(|$found: $Found| (Self($key), Ok($value))).collect())
            }
        }
    )+};
}

keys! {
    /// A product, by its id.
    #[derive(Copy)]
    ProductOf(Uuid) in products, at most inventory::BATCH_LIMIT =>
    |loader, ids| loader.services().inventory().products_by_id(ids) =>
    |product: inventory::Product| (product.id, product): inventory::Product;

    /// A customer, by its id.
    CustomerOf(Uuid) in customers, at most orders::BATCH_LIMIT =>
    |loader, ids| loader.services().orders().customers(ids) =>
    |customer: orders::Customer| (customer.id, customer): orders::Customer;

    /// An order, by its id.
    OrderOf(Uuid) in orders, at most orders::BATCH_LIMIT =>
    |loader, ids| loader.services().orders().orders_by_id(ids) =>
    |order: orders::Order| (order.id, order): orders::Order;

    /// The events of an order, by the order's id.
    HistoryOf(Uuid) in histories, at most orders::BATCH_LIMIT =>
    |loader, ids| loader.services().orders().histories(ids) =>
    |history: orders::OrderHistory| (history.order_id, history.events): Vec<orders::OrderEvent>;

    /// The payment of an order, by the order's id.
    PaymentOf(Uuid) in payments, at most PAYMENTS_AT_ONCE =>
    |loader, ids| loader.services().payments().payments_of(ids) =>
    |payment: payments::Payment| (payment.orders_order_id, payment): payments::Payment;

    /// The sales of a link, by its code.
    SalesOf(String) in sales, at most orders::BATCH_LIMIT =>
    |loader, ids| loader.services().orders().sales(ids) =>
    |sales: orders::LinkSales| (sales.code.clone(), sales): orders::LinkSales;

    /// A link of the user, by its code.
    LinkOf(String) in links, at most shortener::BATCH_LIMIT =>
    |loader, ids| loader.services().shortener().links_by_code(ids) =>
    |link: shortener::Link| (link.code.clone(), link): shortener::Link;

    /// A link of the user, by its id.
    LinkById(Uuid) in links_by_id, at most shortener::BATCH_LIMIT =>
    |loader, ids| loader.services().shortener().links_by_id(ids) =>
    |link: shortener::Link| (link.id, link): shortener::Link;
}

const PAYMENTS_AT_ONCE: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Me;

impl Key for Me {
    type Value = auth::User;
    const LIMIT: usize = 1;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.me
    }

    async fn ask(_: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        Ok(vec![(Self, Ok(loader.services().auth().me().await?))])
    }
}
