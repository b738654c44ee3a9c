//! What orders, products and links lead to.

use contracts::rest::inventory::{self, Product};
use contracts::rest::orders::{self, Customer, LinkSales, OrderEvent};
use contracts::rest::payments::Payment;
use contracts::rest::shortener::{self, Link};
use uuid::Uuid;

use super::{Found, Key, Loader, Queue, Queues};
use crate::clients::ServiceError;

/// Of how many orders the payments may be asked for in one call.
const PAYMENTS_AT_ONCE: usize = 200;

/// A product, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProductOf(pub Uuid);

/// A customer, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CustomerOf(pub Uuid);

/// What happened to an order, by the order's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HistoryOf(pub Uuid);

/// The payment of an order, by the order's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaymentOf(pub Uuid);

/// What a link sold, by its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SalesOf(pub String);

/// A link of the user's own, by its code.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LinkOf(pub String);

impl Key for ProductOf {
    type Value = Product;
    const LIMIT: usize = inventory::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.products
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let products = loader.services().inventory().products_by_id(ids(keys, |key| key.0)).await?;
        Ok(products.into_iter().map(|product| (Self(product.id), Ok(product))).collect())
    }
}

impl Key for CustomerOf {
    type Value = Customer;
    const LIMIT: usize = orders::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.customers
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let customers = loader.services().orders().customers(ids(keys, |key| key.0)).await?;
        Ok(customers.into_iter().map(|customer| (Self(customer.id), Ok(customer))).collect())
    }
}

impl Key for HistoryOf {
    type Value = Vec<OrderEvent>;
    const LIMIT: usize = orders::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.histories
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let histories = loader.services().orders().histories(ids(keys, |key| key.0)).await?;
        Ok(histories.into_iter().map(|history| (Self(history.order_id), Ok(history.events))).collect())
    }
}

impl Key for PaymentOf {
    type Value = Payment;
    const LIMIT: usize = PAYMENTS_AT_ONCE;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.payments
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let payments = loader.services().payments().payments_of(ids(keys, |key| key.0)).await?;
        Ok(payments.into_iter().map(|payment| (Self(payment.orders_order_id), Ok(payment))).collect())
    }
}

impl Key for SalesOf {
    type Value = LinkSales;
    const LIMIT: usize = orders::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.sales
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let sales = loader.services().orders().sales(ids(keys, |key| key.0.clone())).await?;
        Ok(sales.into_iter().map(|sales| (Self(sales.code.clone()), Ok(sales))).collect())
    }
}

impl Key for LinkOf {
    type Value = Link;
    const LIMIT: usize = shortener::BATCH_LIMIT;

    fn queue(queues: &Queues) -> &Queue<Self> {
        &queues.links
    }

    async fn ask(keys: &[Self], loader: &Loader) -> Result<Found<Self>, ServiceError> {
        let links = loader.services().shortener().links_by_code(ids(keys, |key| key.0.clone())).await?;
        Ok(links.into_iter().map(|link| (Self(link.code.clone()), Ok(link))).collect())
    }
}

/// Takes what the service knows of the keys.
pub(super) fn ids<K, T>(keys: &[K], id: impl Fn(&K) -> T) -> Vec<T> {
    keys.iter().map(id).collect()
}
