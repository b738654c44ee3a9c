//! What may happen when, and what it makes of an order.

use super::{Cancellation, Event, Order, OrderStatus, Rejection, rest};
use contracts::event::orders::CancelledBy;
use contracts::person::Sealed;
use uuid::Uuid;

/// Why something cannot happen to an order now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an order that is {} cannot be {wanted}", if *.cancelling { "being cancelled" } else { status.into_str() })]
pub struct Refused {
    pub status: OrderStatus,
    pub cancelling: bool,
    pub wanted: &'static str,
}

impl Order {
    /// Whether somebody called it off and not everything is undone yet.
    #[must_use]
    pub fn is_cancelling(&self) -> bool {
        self.cancellation.is_some() && !self.status.is_final()
    }

    /// Calls it off: while nothing has left the warehouse. Fails when it is too late, or was done before.
    pub fn request_cancellation(&self, by: CancelledBy, reason: Option<Sealed>) -> Result<Event, Refused> {
        self.decide(Event::CancellationRequested { by, reason }, "cancelled")
    }

    /// Stock is reserved and the payment taken. Fails unless it is pending and nobody called it off.
    pub fn confirm(&self, payments_payment_id: Uuid) -> Result<Event, Refused> {
        self.decide(Event::Confirmed { payments_payment_id }, "confirmed")
    }

    /// It cannot be fulfilled. Fails unless it is pending.
    pub fn reject(&self, reason: String, detail: String) -> Result<Event, Refused> {
        self.decide(Event::Rejected { reason, detail }, "rejected")
    }

    /// Everything that was done for it is undone. Fails when it has left the warehouse, or has ended.
    pub fn cancel(&self, by: CancelledBy, reason: Option<Sealed>) -> Result<Event, Refused> {
        self.decide(Event::Cancelled { by, reason }, "cancelled")
    }

    /// It leaves the warehouse. One that has left already gets the right number; nothing happens when that is the same,
    /// or none is given. Fails unless it is confirmed, or shipped.
    pub fn ship(&self, tracking_number: Option<String>) -> Result<Option<Event>, Refused> {
        match (self.status, tracking_number) {
            (OrderStatus::Shipped, None) => Ok(None),
            (OrderStatus::Shipped, number) if number == self.tracking_number => Ok(None),
            (OrderStatus::Shipped, Some(tracking_number)) => {
                self.decide(Event::TrackingCorrected { tracking_number }, "shipped").map(Some)
            }
            (_, tracking_number) => self.decide(Event::Shipped { tracking_number }, "shipped").map(Some),
        }
    }

    /// It reaches the buyer; nothing happens when it has. Fails unless it is shipped.
    pub fn deliver(&self) -> Result<Option<Event>, Refused> {
        match self.status {
            OrderStatus::Delivered => Ok(None),
            _ => self.decide(Event::Delivered {}, "delivered").map(Some),
        }
    }

    fn decide(&self, event: Event, wanted: &'static str) -> Result<Event, Refused> {
        if self.admits(&event) {
            Ok(event)
        } else {
            Err(Refused { status: self.status, cancelling: self.is_cancelling(), wanted })
        }
    }

    /// Whether the event can be the next one: the one table of what may follow what.
    fn admits(&self, event: &Event) -> bool {
        use OrderStatus::{Confirmed, Pending, Shipped};
        let is_wanted = self.cancellation.is_none();
        match (self.status, event) {
            (Pending | Confirmed, Event::CancellationRequested { .. })
            | (Pending, Event::Confirmed { .. })
            | (Confirmed, Event::Shipped { .. }) => is_wanted,
            (Pending, Event::Rejected { .. })
            | (Pending | Confirmed, Event::Cancelled { .. })
            | (Shipped, Event::TrackingCorrected { .. } | Event::Delivered {}) => true,
            _ => false,
        }
    }

    /// The state after the event; nothing where it cannot be the next one.
    pub(super) fn then(self, event: Event) -> Option<Self> {
        if !self.admits(&event) {
            return None;
        }
        Some(match event {
            Event::Placed(_) => return None,
            Event::CancellationRequested { by, reason } => {
                Self { cancellation: Some(Cancellation { by, reason }), ..self }
            }
            Event::Confirmed { payments_payment_id } => {
                let payments_payment_id = Some(payments_payment_id);
                Self { status: OrderStatus::Confirmed, payments_payment_id, ..self }
            }
            Event::Rejected { reason, detail } => {
                let rejection = Some(Rejection { reason, detail });
                Self { status: OrderStatus::Rejected, rejection, cancellation: None, ..self }
            }
            Event::Cancelled { by, reason } => {
                let cancellation = Some(Cancellation { by, reason });
                Self { status: OrderStatus::Cancelled, cancellation, ..self }
            }
            Event::Shipped { tracking_number } => Self { status: OrderStatus::Shipped, tracking_number, ..self },
            Event::TrackingCorrected { tracking_number } => Self { tracking_number: Some(tracking_number), ..self },
            Event::Delivered {} => Self { status: OrderStatus::Delivered, ..self },
        })
    }
}

impl Order {
    /// The order as it is answered; `reason` is why it was called off, opened.
    #[must_use]
    pub fn shown(&self, reason: Option<String>) -> rest::Order {
        let item = |item: &contracts::event::orders::OrderItem| rest::OrderItem {
            product_id: item.inventory_product_id,
            name: item.name.clone(),
            quantity: item.quantity,
            unit_price: item.unit_price,
            total: item.total,
        };
        let rejection = |why: &Rejection| rest::Rejection { reason: why.reason.clone(), detail: why.detail.clone() };
        let cancellation = |why: &Cancellation| rest::Cancellation { by: why.by, reason };
        rest::Order {
            id: self.id,
            customer_id: self.customer_id,
            status: self.status,
            cancelling: self.is_cancelling(),
            items: self.items.iter().map(item).collect(),
            total: self.total,
            link_code: self.shortener_short_code.clone(),
            payment_method_id: self.payment_method_id,
            payment_id: self.payments_payment_id,
            rejection: self.rejection.as_ref().map(rejection),
            cancellation: self.cancellation.as_ref().map(cancellation),
            tracking_number: self.tracking_number.clone(),
            placed_at: self.placed_at,
            updated_at: self.updated_at,
            version: self.version,
        }
    }
}
