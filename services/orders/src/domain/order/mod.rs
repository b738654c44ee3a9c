//! An order: what happened to it, and what follows from that.

mod event;
mod transition;
mod upcast;

use chrono::{DateTime, Utc};
use contracts::event::orders::{CancelledBy, OrderItem};
use contracts::money::Money;
use contracts::person::Sealed;
use contracts::rest::orders::{self as rest, OrderStatus};
pub use event::{Event, Placed, Stored};
use serde::{Deserialize, Serialize};
pub use transition::Refused;
pub use upcast::{Unreadable, current_schema};
use uuid::Uuid;

/// The state of an order: nothing but what its events say. Snapshots and the projection hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub auth_user_id: Uuid,
    pub status: OrderStatus,
    pub items: Vec<OrderItem>,
    pub total: Money,
    /// The link that brought the buyer.
    pub shortener_short_code: Option<String>,
    pub payment_method_id: Uuid,
    /// The payment, once confirmed.
    pub payments_payment_id: Option<Uuid>,
    pub rejection: Option<Rejection>,
    /// Who called it off: asked for while the status is another, done when it is cancelled.
    pub cancellation: Option<Cancellation>,
    pub tracking_number: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// How many events it has.
    pub version: u64,
    /// How many of them other services heard of: the version that they know.
    pub published: u64,
}

/// Why an order was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    pub reason: String,
    pub detail: String,
}

/// Who called an order off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancellation {
    pub by: CancelledBy,
    /// Why, in their words, sealed.
    pub reason: Option<Sealed>,
}

/// Why events do not make an order: the store was meddled with, or we have a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {version} ({kind}) cannot follow what came before")]
pub struct Broken {
    version: u64,
    kind: &'static str,
}

impl Order {
    /// The state after one more event; before the first there is none. Fails when the event cannot be the next one.
    pub fn apply(before: Option<Self>, version: u64, at: DateTime<Utc>, event: Event) -> Result<Self, Broken> {
        let broken = Broken { version, kind: event.kind() };
        let published = u64::from(event.is_published());
        let order = match (before, event) {
            (None, Event::Placed(placed)) if version == 1 => Self::placed(placed, at),
            (Some(order), event) if order.version + 1 == version => order.then(event).ok_or(broken)?,
            _ => return Err(broken),
        };
        Ok(Self { version, updated_at: at, published: order.published + published, ..order })
    }

    fn placed(placed: Placed, at: DateTime<Utc>) -> Self {
        Self {
            id: placed.order_id,
            customer_id: placed.customer_id,
            auth_user_id: placed.auth_user_id,
            status: OrderStatus::Pending,
            items: placed.items,
            total: placed.total,
            shortener_short_code: placed.shortener_short_code,
            payment_method_id: placed.payment_method_id,
            payments_payment_id: None,
            rejection: None,
            cancellation: None,
            tracking_number: None,
            placed_at: at,
            updated_at: at,
            version: 1,
            published: 0,
        }
    }
}

#[cfg(test)]
mod tests;
