//! What happens to an order is recorded here, and nowhere else: events, the state now, and what others are told.

use crate::domain::Order;
use crate::domain::order::{Event, Stored, current_schema};
use crate::error::Error;
use crate::metrics as names;
use crate::store::events;
use crate::store::placing::Request;
use chassis::http::RequestId;
use chrono::{DateTime, SubsecRound, Utc};
use contracts::envelope::{self, EventData};
use contracts::event::orders::{
    OrderCancelled, OrderConfirmed, OrderDelivered, OrderPlaced, OrderRejected, OrderShipped,
};
use messaging::Outgoing;
use postgres::Tx;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// The order as its events tell it. Fails with [`Error::NotFound`] when there is none.
pub(crate) async fn load(connection: &mut PgConnection, id: Uuid) -> Result<Order, Error> {
    events::load(connection, id, None).await?.ok_or(Error::NotFound)
}

/// Records what happens next to an order. Fails with [`Error::Conflict`] when something else happened meanwhile.
pub(crate) async fn record(tx: &mut Tx, before: Order, event: Event) -> Result<Order, Error> {
    let recorded = Recorded::new(Some(before), &event)?;
    Ok(Recorded::store(tx, vec![recorded], &[]).await?.swap_remove(0))
}

/// Something that happened to an order and is not stored yet.
pub(crate) struct Recorded {
    order: Order,
    event: Stored,
    message: Option<Outgoing>,
}

impl Recorded {
    /// What happens next to an order, on behalf of the current request or message; `before` is nothing when it begins.
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
        let message = message(&order, event, was_confirmed)?;
        Ok(Self { order, event: stored, message: message.map(Outgoing::with_origin) })
    }

    pub(crate) fn order(&self) -> &Order {
        &self.order
    }

    /// Stores what happened to several orders: the events, the states after them, the messages; and what is answered to
    /// requests. Gives the orders. Fails with [`Error::Conflict`] when something else happened to one of them
    /// meanwhile.
    pub(crate) async fn store(
        tx: &mut Tx,
        all: Vec<Self>,
        answers: &[(Request<'_>, Value)],
    ) -> Result<Vec<Order>, Error> {
        let stored: Vec<_> = all.iter().map(|one| (one.order.id, &one.event)).collect();
        let states: Vec<_> = all.iter().map(Self::order).collect();
        events::append(tx, &stored, &states, answers).await?;
        chassis::failpoint!("orders.record.after_event");
        for order in states.iter().filter(|order| order.version.is_multiple_of(events::SNAPSHOT_EVERY)) {
            events::keep(tx, order).await?;
        }
        chassis::failpoint!("orders.record.after_state");
        let kinds: Vec<_> = all.iter().map(|one| one.event.kind.clone()).collect();
        tx.on_commit(move || {
            kinds.into_iter().for_each(|kind| metrics::counter!(names::ORDER_EVENTS, "type" => kind).increment(1));
        });
        let (orders, messages): (Vec<_>, Vec<_>) = all.into_iter().map(|one| (one.order, one.message)).unzip();
        tx.enqueue_all(messages.into_iter().flatten());
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

/// The message that tells of an event, where others are told: about the order, in the version that they know.
fn message(order: &Order, event: &Event, was_confirmed: bool) -> serde_json::Result<Option<Outgoing>> {
    let (order_id, customer_id, at) = (order.id, order.customer_id, order.updated_at);
    let (total, code) = (order.total, order.shortener_short_code.clone());
    let message = match event {
        Event::CancellationRequested { .. } | Event::TrackingCorrected { .. } => return Ok(None),
        Event::Placed(placed) => about(
            order,
            OrderPlaced {
                order_id,
                customer_id,
                auth_user_id: order.auth_user_id,
                items: placed.items.clone(),
                total,
                shortener_short_code: code,
                placed_at: at,
            },
        ),
        Event::Confirmed { payments_payment_id } => about(
            order,
            OrderConfirmed {
                order_id,
                customer_id,
                total,
                payments_payment_id: *payments_payment_id,
                shortener_short_code: code,
                confirmed_at: at,
            },
        ),
        Event::Rejected { reason, detail } => {
            let (reason, detail) = (reason.clone(), detail.clone());
            about(order, OrderRejected { order_id, customer_id, reason, detail, rejected_at: at })
        }
        Event::Cancelled { by, .. } => about(
            order,
            OrderCancelled {
                order_id,
                customer_id,
                by: *by,
                reason: None,
                was_confirmed,
                total,
                shortener_short_code: code,
                cancelled_at: at,
            },
        ),
        Event::Shipped { tracking_number } => {
            let tracking_number = tracking_number.clone();
            about(order, OrderShipped { order_id, customer_id, tracking_number, shipped_at: at })
        }
        Event::Delivered {} => about(order, OrderDelivered { order_id, customer_id, delivered_at: at }),
    };
    message.map(Some)
}

fn about<T: EventData>(order: &Order, data: T) -> serde_json::Result<Outgoing> {
    let mut event = envelope::Event::new(order.id.to_string(), order.published, data);
    event.time = order.updated_at;
    Outgoing::event(event)
}
