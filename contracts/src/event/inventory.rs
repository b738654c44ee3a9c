//! Events of inventory. Subject of all: the product's id.

use crate::envelope::EventData;
use crate::money::Money;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! product_events {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            pub product_id: Uuid,
            /// The merchant's number for it.
            pub sku: String,
            pub name: String,
            pub description: Option<String>,
            pub price: Money,
            /// Whether it can be ordered.
            pub active: bool,
            pub at: DateTime<Utc>,
        }

        impl EventData for $name {
            const TYPE: &'static str = $kind;
            const VERSION: u32 = 1;
        }
    )+};
}

product_events! {
    /// A product was made.
    ProductCreated = "inventory.product.created";
    /// A product changed. Holds the whole state after the change.
    ProductUpdated = "inventory.product.updated";
}

macro_rules! stock_events {
    ($($(#[doc = $doc:literal])+ $name:ident = $kind:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        pub struct $name {
            pub product_id: Uuid,
            /// The row of `product_stock_operations` that this is about.
            pub operation_id: Uuid,
            pub quantity: u32,
            /// Pieces in the warehouse after it, reserved ones included.
            pub on_hand: i64,
            /// Pieces that open reservations hold after it.
            pub reserved: i64,
            /// The order's saga that it was done for, where there is one.
            pub saga_id: Option<Uuid>,
            pub at: DateTime<Utc>,
        }

        impl EventData for $name {
            const TYPE: &'static str = $kind;
            const VERSION: u32 = 1;
        }
    )+};
}

stock_events! {
    /// Pieces came into the warehouse.
    StockIncreased = "inventory.stock.increased";
    /// Pieces left the warehouse. Those of a confirmed order were reserved, and are not any more.
    StockDecreased = "inventory.stock.decreased";
    /// Pieces were set aside for an order.
    StockReserved = "inventory.stock.reserved";
    /// Pieces that were set aside are free again.
    StockReleased = "inventory.stock.released";
}

/// An order wanted more pieces than were free; nothing was reserved for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StockUnavailable {
    pub product_id: Uuid,
    /// The order's saga.
    pub saga_id: Uuid,
    /// How many pieces were wanted.
    pub wanted: u32,
    /// How many were free.
    pub available: i64,
    pub at: DateTime<Utc>,
}

impl EventData for StockUnavailable {
    const TYPE: &'static str = "inventory.stock.unavailable";
    const VERSION: u32 = 1;
}
