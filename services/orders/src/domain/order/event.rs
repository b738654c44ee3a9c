//! What can happen to an order, and how it is stored.

use super::upcast::{self, Unreadable};
use chrono::{DateTime, Utc};
use contracts::event::orders::{CancelledBy, OrderItem};
use contracts::money::Money;
use contracts::person::Sealed;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Event {
    Placed(Placed),
    /// Somebody called it off; what was done for it is being undone.
    CancellationRequested {
        by: CancelledBy,
        /// Why, in their words: sealed for the buyer, because people write about people.
        reason: Option<Sealed>,
    },
    /// Its stock is reserved and its payment taken.
    Confirmed {
        payments_payment_id: Uuid,
    },
    /// It could not be fulfilled; what was done for it is undone.
    Rejected {
        reason: String,
        detail: String,
    },
    /// It was called off; what was done for it is undone.
    Cancelled {
        by: CancelledBy,
        /// Why, in their words: sealed for the buyer, because people write about people.
        reason: Option<Sealed>,
    },
    Shipped {
        tracking_number: Option<String>,
    },
    TrackingCorrected {
        tracking_number: String,
    },
    Delivered {},
}

/// What an order begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub auth_user_id: Uuid,
    pub items: Vec<OrderItem>,
    pub total: Money,
    pub payment_method_id: Uuid,
    /// The link that brought the buyer.
    pub shortener_short_code: Option<String>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The order's version after it, from 1.
    pub version: u64,
    pub kind: String,
    /// The version of the data's schema.
    pub schema: u32,
    pub data: Value,
    pub at: DateTime<Utc>,
    pub causation_id: Option<Uuid>,
    /// The request that began it.
    pub correlation_id: Option<String>,
}

impl Event {
    /// The type under which it is stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Placed(_) => "placed",
            Self::CancellationRequested { .. } => "cancellation_requested",
            Self::Confirmed { .. } => "confirmed",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled { .. } => "cancelled",
            Self::Shipped { .. } => "shipped",
            Self::TrackingCorrected { .. } => "tracking_corrected",
            Self::Delivered {} => "delivered",
        }
    }

    /// Whether other services hear of it.
    #[must_use]
    pub const fn is_published(&self) -> bool {
        !matches!(self, Self::CancellationRequested { .. } | Self::TrackingCorrected { .. })
    }

    /// The particulars, in the newest schema.
    pub fn data(&self) -> serde_json::Result<Value> {
        serde_json::to_value(self).map(|mut event| event["data"].take())
    }

    /// Reads a stored event, whatever its schema. Fails when its schema is unknown or its data do not fit.
    pub fn read(stored: Stored) -> Result<Self, Unreadable> {
        let (kind, schema) = (stored.kind, stored.schema);
        let data = upcast::newest(&kind, schema, stored.data)?;
        serde_json::from_value(json!({"type": kind, "data": data})).map_err(|cause| Unreadable::Data {
            kind,
            schema,
            cause,
        })
    }
}
