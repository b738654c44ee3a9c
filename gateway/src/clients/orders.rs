//! Calls to orders: orders, customers and sales of links.

use super::{Client, Orders, ServiceError, with_query};
use chrono::{DateTime, SecondsFormat, Utc};
use contracts::problem::Code;
use contracts::rest::orders::{
    CancelOrder, Customer, Customers, Ids, LinkSales, LinksSales, ListOrders, Order, OrderHistories, OrderHistory,
    OrderPage, PlaceOrder, SalesOf, SaveCustomer,
};
use futures::{Stream, StreamExt};
use http::Method;
use std::time::Duration;
use uuid::Uuid;

impl Client<'_, Orders> {
    /// Returns an order of the user, as it was `at` a moment or as it is now.
    pub async fn order(&self, id: Uuid, at: Option<DateTime<Utc>>) -> Result<Option<Order>, ServiceError> {
        let path = format!("/v1/orders/{id}");
        let at = at.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        let path = if at.is_some() { with_query(&path, &[("at", at.as_deref())])? } else { path };
        self.find(path).await
    }

    /// Returns the orders that the user may see.
    pub async fn orders_by_id(&self, ids: Vec<Uuid>) -> Result<Vec<Order>, ServiceError> {
        let found: contracts::rest::orders::Orders = self.look_up("/v1/orders/batch", &Ids { ids }).await?;
        Ok(found.orders)
    }

    pub async fn orders(&self, wanted: &ListOrders) -> Result<OrderPage, ServiceError> {
        let first = wanted.first.map(|first| first.to_string());
        let status = wanted.status.map(|status| status.into_str());
        let pairs = [("first", first.as_deref()), ("after", wanted.after.as_deref()), ("status", status)];
        self.read(self.get(with_query("/v1/orders", &pairs)?)).await
    }

    /// Returns the events of the orders that the user may see.
    pub async fn histories(&self, ids: Vec<Uuid>) -> Result<Vec<OrderHistory>, ServiceError> {
        let found: OrderHistories = self.look_up("/v1/orders/events/batch", &Ids { ids }).await?;
        Ok(found.histories)
    }

    /// Retried, because of the key.
    pub async fn place(&self, order: &PlaceOrder, key: &str) -> Result<Order, ServiceError> {
        self.send_once("/v1/orders", order, key, "idempotencyKey").await
    }

    /// Not retried: the order may have been shipped between two tries.
    pub async fn cancel(&self, id: Uuid, request: &CancelOrder) -> Result<Order, ServiceError> {
        self.read(self.send_json(Method::POST, format!("/v1/orders/{id}/cancel"), request)?).await
    }

    /// Returns the order as it is now, and again after each change. Fails when nothing comes for longer than `silence`.
    pub async fn changes(
        &self,
        id: Uuid,
        silence: Duration,
    ) -> Result<impl Stream<Item = Result<Order, ServiceError>> + Send + use<>, ServiceError> {
        let service = self.upstream.name().to_owned();
        let events = self.listen(format!("/v1/orders/{id}/changes"), silence).await?;
        Ok(events.map(move |event| {
            serde_json::from_str(&event?).map_err(|error| ServiceError::unreadable(&service, &error))
        }))
    }

    /// Returns the user as a customer.
    pub async fn customer(&self) -> Result<Option<Customer>, ServiceError> {
        self.find("/v1/customer").await
    }

    /// Returns the customers whom the user may see.
    pub async fn customers(&self, ids: Vec<Uuid>) -> Result<Vec<Customer>, ServiceError> {
        let found: Customers = self.look_up("/v1/customers/batch", &Ids { ids }).await?;
        Ok(found.customers)
    }

    pub async fn save_customer(&self, customer: &SaveCustomer) -> Result<Customer, ServiceError> {
        self.read(self.send_json(Method::PUT, "/v1/customer", customer)?).await
    }

    /// Returns the sales of the user's links.
    pub async fn sales(&self, codes: Vec<String>) -> Result<Vec<LinkSales>, ServiceError> {
        let found: LinksSales = self.look_up("/v1/links/sales/batch", &SalesOf { codes }).await?;
        Ok(found.links)
    }
}

pub fn no_order() -> ServiceError {
    ServiceError::own(Code::NotFound, "There is no such order.")
}
