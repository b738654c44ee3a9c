//! What other services are told of an order.

use crate::domain::{Order, order::Event};
use contracts::{
    envelope::{self, EventData},
    event::orders::{OrderCancelled, OrderConfirmed, OrderDelivered, OrderPlaced, OrderRejected, OrderShipped},
};
use messaging::Outgoing;

/// The message that tells of an event, where others are told: about the order, in the version that they know.
///
/// # Errors
/// Fails when it cannot be written as JSON.
pub fn message(order: &Order, event: &Event, was_confirmed: bool) -> serde_json::Result<Option<Outgoing>> {
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
