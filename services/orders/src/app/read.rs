//! Reads orders.

use super::{Shop, sees};
use crate::{
    domain::{
        Refusals,
        order::{Event, Stored},
    },
    error::Error,
    store::{events, orders},
};
use chassis::{
    jwt::Caller,
    page::{PageRequest, cursor, read_cursor},
};
use chrono::{DateTime, Utc};
use contracts::rest::orders::{ListOrders, Order, OrderEdge, OrderEvent, OrderHistory, OrderPage};
use serde_json::Value;
use uuid::Uuid;

/// What cursors of this list are told from others by.
const LIST: &str = "orders";

impl Shop {
    /// The order of this id, if the caller may see it: as it is now, or was at a moment.
    ///
    /// # Errors
    /// [`Error::NotFound`], also when it was placed after that moment.
    pub async fn order(&self, caller: &Caller, id: Uuid, at: Option<DateTime<Utc>>) -> Result<Order, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let now = orders::by_ids(&mut connection, &[id], sees(caller)).await?.pop().ok_or(Error::NotFound)?;
        let order = match at {
            None => now,
            Some(_) => events::load(&mut connection, id, at).await?.ok_or(Error::NotFound)?,
        };
        self.shown(&mut connection, &order).await
    }

    /// Those of these orders that the caller may see.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn orders(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<Order>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let found = orders::by_ids(&mut connection, ids, sees(caller)).await?;
        self.all_shown(&mut connection, &found).await
    }

    /// The caller's own orders, newest first.
    ///
    /// # Errors
    /// Fails when a field is not acceptable, or the cursor is not ours.
    pub async fn list(&self, caller: &Caller, wanted: &ListOrders) -> Result<OrderPage, Error> {
        let mut fields = Refusals::default();
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
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn histories(&self, caller: &Caller, ids: &[Uuid]) -> Result<Vec<OrderHistory>, Error> {
        let mut connection = self.db.pool().acquire().await?;
        let seen = orders::by_ids(&mut connection, ids, sees(caller)).await?;
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

    /// Everything that happened to an order.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn history(&self, caller: &Caller, id: Uuid) -> Result<OrderHistory, Error> {
        self.histories(caller, &[id]).await?.pop().ok_or(Error::NotFound)
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
