//! Reads orders, and opens what stands sealed in them.

use super::{Customers, owner};
use crate::changes::{Changes, Watch};
use crate::domain::order::{Event, Stored};
use crate::domain::{self};
use crate::error::Error;
use crate::store::{events, orders, sales};
use chassis::jwt::Caller;
use chassis::page::{PageRequest, cursor, read_cursor};
use chrono::{DateTime, Utc};
use contracts::field_errors::FieldErrors;
use contracts::person::Sealed;
use contracts::rest::orders::{LinkSales, ListOrders, Order, OrderEdge, OrderEvent, OrderHistory, OrderPage};
use postgres::Db;
use sealing::DataKey;
use serde_json::Value;
use sqlx::PgConnection;
use std::collections::HashMap;
use uuid::Uuid;

/// What cursors of this list are told from others by.
const LIST: &str = "orders";

/// Orders, read and changed. Clones are the same.
#[derive(Clone)]
pub struct Orders {
    pub(super) db: Db,
    pub(super) customers: Customers,
    pub(super) sagas: saga::Engine,
    changes: Changes,
}

impl Orders {
    #[must_use]
    pub fn new(db: Db, customers: Customers, sagas: saga::Engine, changes: Changes) -> Self {
        Self { db, customers, sagas, changes }
    }

    /// Watches an order; what changes from now on is heard.
    #[must_use]
    pub fn watch(&self, id: Uuid) -> Watch {
        self.changes.watch(id)
    }

    /// The order of this id, if the caller may see it: as it is now, or was at a moment. Fails with
    /// [`Error::NotFound`], also when it was placed after that moment.
    pub async fn order(&self, caller: &Caller, id: Uuid, at: Option<DateTime<Utc>>) -> Result<Order, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let now = orders::by_ids(&mut connection, &[id], owner(caller)).await?.pop().ok_or(Error::NotFound)?;
        let order = match at {
            None => now,
            Some(_) => events::load(&mut connection, id, at).await?.ok_or(Error::NotFound)?,
        };
        self.shown(&mut connection, &order).await
    }

    /// Those of these orders that the caller may see.
    pub async fn orders(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Order>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let found = orders::by_ids(&mut connection, ids, owner(caller)).await?;
        self.all_shown(&mut connection, &found).await
    }

    /// The caller's own orders, newest first. Fails when a field is not acceptable, or the cursor is not ours.
    pub async fn list(&self, caller: &Caller, wanted: &ListOrders) -> Result<OrderPage, Error> {
        let mut fields = FieldErrors::default();
        let Some(page) = fields.take("first", PageRequest::parse(wanted.first)) else { return Err(fields.into()) };
        let after = read_cursor(LIST, wanted.after.as_deref())?.map(Uuid::from_bytes);
        let mut connection = self.db.pool().acquire().await?;
        let limit = page.limit().into();
        let found = page.page(orders::page(&mut connection, caller.user_id, wanted.status, after, limit).await?);
        let shown = self.all_shown(&mut connection, &found.rows).await?;
        let edge = |order: Order| OrderEdge { cursor: cursor(LIST, order.id), order };
        Ok(OrderPage { items: shown.into_iter().map(edge).collect(), has_next_page: found.has_next_page })
    }

    /// Everything that happened to those of these orders that the caller may see.
    pub async fn histories(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<OrderHistory>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let seen = orders::by_ids(&mut connection, ids, owner(caller)).await?;
        let ids: Vec<_> = seen.iter().map(|order| order.id).collect();
        let reasons = self.reasons(&mut connection, &seen).await?;
        let mut histories: Vec<OrderHistory> = Vec::new();
        for (order_id, stored) in events::history(&mut connection, &ids).await? {
            let event = told(stored, reasons.get(&order_id))?;
            match histories.last_mut().filter(|history| history.order_id == order_id) {
                Some(history) => history.events.push(event),
                None => histories.push(OrderHistory { order_id, events: vec![event] }),
            }
        }
        Ok(histories)
    }

    pub async fn history(&self, caller: &Caller, id: Uuid) -> Result<OrderHistory, Error> {
        self.histories(caller, &[id]).await?.pop().ok_or(Error::NotFound)
    }

    /// What those of these links sold that are the owner's.
    pub async fn sales(&self, owner: Uuid, codes: &[String]) -> Result<Vec<LinkSales>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let mut links: Vec<LinkSales> = Vec::new();
        for sold in sales::of(&mut connection, owner, codes).await? {
            let revenue = sold.revenue.filter(|_| sold.orders > 0);
            match links.last_mut().filter(|link| link.code == sold.code) {
                Some(link) => {
                    link.count += sold.orders;
                    link.revenue.extend(revenue);
                }
                None => {
                    let revenue = revenue.into_iter().collect();
                    links.push(LinkSales { code: sold.code, count: sold.orders, revenue });
                }
            }
        }
        Ok(links)
    }

    /// Seals why an order is called off. An erased buyer's orders get no words.
    pub(super) async fn seal_reason(
        &self,
        connection: &mut PgConnection,
        order: &domain::Order,
        reason: Option<String>,
    ) -> Result<Option<Sealed>, Error> {
        let Some(reason) = reason else { return Ok(None) };
        let keys = self.customers.keys(connection, &[order.customer_id]).await?;
        let seal = |key: &DataKey| anyhow::Ok(key.travelling(&key.seal_item(order.id, &reason)?));
        Ok(keys.get(&order.customer_id).map(seal).transpose()?)
    }

    /// An order as it is answered.
    pub(super) async fn shown(&self, connection: &mut PgConnection, order: &domain::Order) -> Result<Order, Error> {
        let mut reasons = self.reasons(connection, std::slice::from_ref(order)).await?;
        Ok(order.shown(reasons.remove(&order.id)))
    }

    /// Orders as they are answered.
    async fn all_shown(&self, connection: &mut PgConnection, orders: &[domain::Order]) -> Result<Vec<Order>, Error> {
        let mut reasons = self.reasons(connection, orders).await?;
        Ok(orders.iter().map(|order| order.shown(reasons.remove(&order.id))).collect())
    }

    /// Why these orders were called off, where somebody said so and the buyer was not erased.
    async fn reasons(
        &self,
        connection: &mut PgConnection,
        orders: &[domain::Order],
    ) -> Result<HashMap<Uuid, String>, Error> {
        let sealed =
            |order: &domain::Order| Some((order.id, order.customer_id, order.cancellation.as_ref()?.reason.clone()?));
        let sealed: Vec<_> = orders.iter().filter_map(sealed).collect();
        let customers: Vec<_> = sealed.iter().map(|(_, customer, _)| *customer).collect();
        let keys = self.customers.keys(connection, &customers).await?;
        let open = |(order, customer, sealed): (Uuid, Uuid, Sealed)| {
            let key = keys.get(&customer)?;
            Some(key.arrived(&sealed).and_then(|sealed| Ok((order, key.open_item(order, &sealed)?))))
        };
        Ok(sealed.into_iter().filter_map(open).collect::<anyhow::Result<_>>()?)
    }
}

/// An event as it is answered; `reason` is why its order was called off.
fn told(stored: Stored, reason: Option<&String>) -> Result<OrderEvent, Error> {
    let event = Event::read(stored.clone())?;
    let mut data = event.data()?;
    if let Event::CancellationRequested { reason: Some(_), .. } | Event::Cancelled { reason: Some(_), .. } = event {
        data["reason"] = reason.map_or(Value::Null, |words| Value::from(words.as_str()));
    }
    Ok(OrderEvent {
        version: stored.version,
        kind: stored.kind,
        at: stored.at,
        data,
        causation_id: stored.causation_id,
        correlation_id: stored.correlation_id,
    })
}
