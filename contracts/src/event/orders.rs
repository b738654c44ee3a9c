//! Events of orders.

use crate::envelope::EventData;
use crate::money::Money;
use crate::person::Sealed;
use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A user became a customer. Subject: the customer's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerCreated {
    pub customer_id: Uuid,
    /// The user whose data it is (soft reference to auth's users).
    pub auth_user_id: Uuid,
    /// A [`Person`](crate::person::Person), under the customer's data key.
    pub person: Sealed,
    pub created_at: DateTime<Utc>,
}

impl EventData for CustomerCreated {
    const TYPE: &'static str = "orders.customer.created";
    const VERSION: u32 = 1;
}

/// A customer's data changed. Subject: the customer's id. Holds the whole state after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerUpdated {
    pub customer_id: Uuid,
    /// The user whose data it is (soft reference to auth's users).
    pub auth_user_id: Uuid,
    /// A [`Person`](crate::person::Person), under the customer's data key.
    pub person: Sealed,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    pub updated_at: DateTime<Utc>,
}

impl EventData for CustomerUpdated {
    const TYPE: &'static str = "orders.customer.updated";
    const VERSION: u32 = 1;
}

/// A customer was erased: the data key is destroyed, and every holder of a copy must delete it.
/// Subject: the customer's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CustomerErased {
    pub customer_id: Uuid,
    /// The user whose data it was (soft reference to auth's users).
    pub auth_user_id: Uuid,
    pub erased_at: DateTime<Utc>,
}

impl EventData for CustomerErased {
    const TYPE: &'static str = "orders.customer.erased";
    const VERSION: u32 = 1;
}

/// One kind of product in an order, as it was when the order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderItem {
    /// The product (soft reference to inventory's products).
    pub inventory_product_id: Uuid,
    /// Its name then.
    pub name: String,
    pub quantity: u32,
    /// The price of one, then.
    pub unit_price: Money,
    /// The price of all of them.
    pub total: Money,
}

/// An order was placed and is pending. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// The buyer's account (soft reference to auth's users).
    pub auth_user_id: Uuid,
    /// What was ordered.
    pub items: Vec<OrderItem>,
    /// The price of everything.
    pub total: Money,
    /// The link that brought the order (soft reference to shortener's links).
    pub shortener_short_code: Option<String>,
    pub placed_at: DateTime<Utc>,
}

impl EventData for OrderPlaced {
    const TYPE: &'static str = "orders.order.placed";
    const VERSION: u32 = 1;
}

/// An order is paid for and its stock is reserved. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// What was paid.
    pub total: Money,
    /// The payment (soft reference to payments).
    pub payments_payment_id: Uuid,
    /// The link that brought the order (soft reference to shortener's links).
    pub shortener_short_code: Option<String>,
    pub confirmed_at: DateTime<Utc>,
}

impl EventData for OrderConfirmed {
    const TYPE: &'static str = "orders.order.confirmed";
    const VERSION: u32 = 1;
}

/// An order could not be fulfilled; what was done for it is undone. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderRejected {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// Why, for a program: `out_of_stock`, `payment_declined`, …
    pub reason: String,
    /// Why, for a person.
    pub detail: String,
    pub rejected_at: DateTime<Utc>,
}

impl EventData for OrderRejected {
    const TYPE: &'static str = "orders.order.rejected";
    const VERSION: u32 = 1;
}

/// Who cancelled an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    Buyer,
    /// An operator.
    Operator,
    /// Nobody: it was not confirmed in time.
    Deadline,
}

/// An order was cancelled; what was done for it is undone. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// Who cancelled it.
    pub by: CancelledBy,
    /// Null in new events: the words of who cancelled it, which are told to nobody whom an erasure does not reach.
    pub reason: Option<String>,
    /// Whether the order had been confirmed.
    pub was_confirmed: bool,
    /// What the order amounted to.
    pub total: Money,
    /// The link that brought the order (soft reference to shortener's links).
    pub shortener_short_code: Option<String>,
    pub cancelled_at: DateTime<Utc>,
}

impl EventData for OrderCancelled {
    const TYPE: &'static str = "orders.order.cancelled";
    const VERSION: u32 = 1;
}

/// An order left the warehouse and can only go forward. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderShipped {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    /// The carrier's number, where there is one.
    pub tracking_number: Option<String>,
    pub shipped_at: DateTime<Utc>,
}

impl EventData for OrderShipped {
    const TYPE: &'static str = "orders.order.shipped";
    const VERSION: u32 = 1;
}

/// An order reached the buyer. Subject: the order's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderDelivered {
    pub order_id: Uuid,
    pub customer_id: Uuid,
    pub delivered_at: DateTime<Utc>,
}

impl EventData for OrderDelivered {
    const TYPE: &'static str = "orders.order.delivered";
    const VERSION: u32 = 1;
}
