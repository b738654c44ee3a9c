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
use chassis::http::RequestId;
use chrono::{DateTime, SubsecRound, Utc};
use messaging::Outgoing;
use postgres::Tx;
use sqlx::PgConnection;
use uuid::Uuid;

/// The order as its events tell it.
///
/// # Errors
/// [`Error::NotFound`] when there is none.
pub(crate) async fn load(connection: &mut PgConnection, id: Uuid) -> Result<Order, Error> {
    events::load(connection, id, None).await?.ok_or(Error::NotFound)
}

/// Records what happens next to an order.
///
/// # Errors
/// [`Error::Conflict`] when something else happened meanwhile.
pub(crate) async fn record(tx: &mut Tx, before: Order, event: Event) -> Result<Order, Error> {
    let recorded = Recorded::new(Some(before), &event)?;
    Ok(Recorded::store(tx, vec![recorded]).await?.swap_remove(0))
}

/// Something that happened to an order and is not stored yet.
pub(crate) struct Recorded {
    order: Order,
    event: Stored,
    message: Option<Outgoing>,
}

impl Recorded {
    /// What happens next to an order, on behalf of the current request or message; `before` is nothing when it begins.
    ///
    /// # Errors
    /// Fails when it cannot happen then, or cannot be written as JSON.
    pub(crate) fn new(before: Option<Order>, event: &Event) -> Result<Self, Error> {
        let at = moment(before.as_ref());
        let stored = Stored {
            version: before.as_ref().map_or(0, |order| order.version) + 1,
            kind: event.kind().to_owned(),
            schema: current_schema(event.kind()),
            data: event.data()?,
            at,
            causation_id: messaging::cause(),
            correlation_id: RequestId::current().map(|id| id.as_str().to_owned()),
        };
        let was_confirmed = before.as_ref().is_some_and(|order| order.payments_payment_id.is_some());
        let order = Order::apply(before, stored.version, at, event.clone())?;
        let message = publish::message(&order, event, was_confirmed)?;
        Ok(Self { order, event: stored, message: message.map(Outgoing::with_origin) })
    }

    /// The order as it is then.
    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// Stores what happened to several orders: the events, the states after them, the news. Gives the orders.
    ///
    /// # Errors
    /// [`Error::Conflict`] when something else happened to one of them meanwhile.
    pub(crate) async fn store(tx: &mut Tx, all: Vec<Self>) -> Result<Vec<Order>, Error> {
        let stored: Vec<_> = all.iter().map(|one| (one.order.id, &one.event)).collect();
        events::append(tx, &stored).await?;
        chassis::failpoint!("orders.record.after_event");
        let states: Vec<_> = all.iter().map(Self::order).collect();
        for order in states.iter().filter(|order| order.version.is_multiple_of(events::SNAPSHOT_EVERY)) {
            events::keep(tx, order).await?;
        }
        orders::save(tx, &states).await?;
        chassis::failpoint!("orders.record.after_state");
        let kinds: Vec<_> = all.iter().map(|one| one.event.kind.clone()).collect();
        tx.on_commit(move || {
            kinds.into_iter().for_each(|kind| metrics::counter!(names::ORDER_EVENTS, "type" => kind).increment(1));
        });
        let (orders, messages): (Vec<_>, Vec<_>) = all.into_iter().map(|one| (one.order, one.message)).unzip();
        tx.enqueue_all(messages.into_iter().flatten()).await?;
        chassis::failpoint!("orders.record.after_outbox");
        Ok(orders)
    }
}

/// Now, as exactly as the database keeps it, and never before what happened last: a state at a moment is
/// made of the events until then, so their times must stand in their order.
fn moment(before: Option<&Order>) -> DateTime<Utc> {
    let now = Utc::now().trunc_subsecs(6);
    before.map_or(now, |order| now.max(order.updated_at))
}
