//! What happens to an order is recorded here, and nowhere else: events, the state now, and what others are told.

use crate::{
    domain::{
        Order,
        order::{Event, Stored, current_schema},
    },
    error::Error,
    events::publish,
    metrics as names,
    store::{events, orders},
};
use chassis::{
    http::RequestId,
    messaging::{self, outbox},
};
use chrono::{DateTime, SubsecRound, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// The order as its events tell it.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub(crate) async fn load(connection: &mut PgConnection, id: Uuid) -> Result<Order, Error> {
    events::load(connection, id, None).await?.ok_or(Error::NotFound)
}

/// Records what happens next to an order; `before` is nothing when it begins.
///
/// # Errors
/// [`Error::Conflict`] when something else happened meanwhile.
pub(crate) async fn record(connection: &mut PgConnection, before: Option<Order>, event: Event) -> Result<Order, Error> {
    let expected = before.as_ref().map_or(0, |order| order.version);
    let at = moment(before.as_ref());
    let stored = Stored {
        version: expected + 1,
        kind: event.kind().to_owned(),
        schema: current_schema(event.kind()),
        data: event.data()?,
        at,
        causation_id: messaging::cause(),
        correlation_id: RequestId::current().map(|id| id.as_str().to_owned()),
    };
    let was_confirmed = before.as_ref().is_some_and(|order| order.payments_payment_id.is_some());
    let order = Order::apply(before, stored.version, at, event.clone())?;
    events::append(connection, order.id, expected, std::slice::from_ref(&stored)).await?;
    chassis::failpoint!("orders.record.after_event");
    if order.version.is_multiple_of(events::SNAPSHOT_EVERY) {
        events::keep(connection, &order).await?;
    }
    orders::save(connection, &order).await?;
    chassis::failpoint!("orders.record.after_state");
    if let Some(message) = publish::message(&order, &event, was_confirmed)? {
        outbox::postgres::enqueue(connection, message).await?;
    }
    chassis::failpoint!("orders.record.after_outbox");
    metrics::counter!(names::ORDER_EVENTS, "type" => event.kind()).increment(1);
    Ok(order)
}

/// Now, as exactly as the database keeps it, and never before what happened last: a state at a moment is
/// made of the events until then, so their times must stand in their order.
fn moment(before: Option<&Order>) -> DateTime<Utc> {
    let now = Utc::now().trunc_subsecs(6);
    before.map_or(now, |order| now.max(order.updated_at))
}
