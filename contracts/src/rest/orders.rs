//! REST types of orders.

use crate::command::checkout::PaymentMethodKind;
use crate::event::orders::CancelledBy;
use crate::moment;
use crate::money::Money;
use crate::person::Address;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most customers, orders or codes that one batch may ask for.
pub const BATCH_LIMIT: usize = 100;
/// The most different products in one order.
pub const ITEMS_LIMIT: usize = 100;
/// The most pieces of one product in one order.
pub const QUANTITY_LIMIT: u32 = 1_000;

/// `PUT /v1/customer`. The caller's data as it shall be. No field takes a card number.
#[serde_with::skip_serializing_none]
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveCustomer {
    /// At most 254 characters.
    pub email: String,
    /// CPF, or CNPJ (the alphanumeric one of 2026, too), with or without punctuation.
    pub document: String,
    /// 1 to 120 characters.
    pub full_name: String,
    /// In the form of E.164, with `+`.
    pub phone: Option<String>,
    /// Where goods go.
    pub shipping_address: Address,
    /// Where invoices go; where goods go when absent.
    pub billing_address: Option<Address>,
    /// The means of payment, replacing all, 20 at most. They stay as they are when absent.
    pub payment_methods: Option<Vec<SavePaymentMethod>>,
}

/// One means of payment in [`SaveCustomer`].
#[serde_with::skip_serializing_none]
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavePaymentMethod {
    /// One of the customer's own, to be kept.
    pub id: Option<Uuid>,
    /// The payment provider's token for it, never a card number; needed unless `id` is given. 1 to 255 characters.
    pub provider_token: Option<String>,
    pub kind: PaymentMethodKind,
    /// The last four digits, for cards.
    pub last_four: Option<String>,
    /// The last month in which it is good, for cards: `2029-12`.
    pub expiry: Option<String>,
}

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Customer {
    pub id: Uuid,
    /// The e-mail, in lower case.
    pub email: String,
    /// CPF or CNPJ, without punctuation.
    pub document: String,
    pub full_name: String,
    /// The telephone number, in the form of E.164.
    pub phone: Option<String>,
    /// Where goods go.
    pub shipping_address: Address,
    /// Where invoices go.
    pub billing_address: Address,
    /// The means of payment; their tokens are never told.
    pub payment_methods: Vec<PaymentMethod>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Grows by one with every change.
    pub version: u64,
}

/// A means of payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentMethod {
    /// Goes into `payment_method_id` of an order.
    pub id: Uuid,
    pub kind: PaymentMethodKind,
    /// The last four digits, for cards.
    pub last_four: Option<String>,
    /// The last month in which it is good, for cards: `2029-12`.
    pub expiry: Option<String>,
}

/// `POST /v1/customers/batch`, `POST /v1/orders/batch` and `POST /v1/orders/events/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ids {
    /// 1 to 100.
    pub ids: Vec<Uuid>,
}

/// The answer to `POST /v1/customers/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Customers {
    /// Those that the caller may see, in no order. Erased and unknown ones are absent.
    pub customers: Vec<Customer>,
}

/// A customer's data key, for units that keep copies.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct CustomerKey {
    /// The customer: the additional data of every seal is this id, as 16 bytes.
    pub customer_id: Uuid,
    /// The key's id, as in [`Sealed`](crate::person::Sealed).
    pub key_id: Uuid,
    /// `AES-256-GCM`.
    pub algorithm: String,
    /// 32 bytes, in base64.
    pub key: String,
}

/// `POST /v1/orders`, with an `Idempotency-Key`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceOrder {
    /// 1 to 100 different products, all priced in one currency.
    pub items: Vec<PlaceItem>,
    /// One of the caller's means of payment.
    pub payment_method_id: Uuid,
    /// The code of the link that brought the buyer.
    pub link_code: Option<String>,
    /// What the buyer was shown as the total; the order is refused when it is another by now.
    pub expected_total: Option<Money>,
}

/// One kind of product in [`PlaceOrder`].
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceItem {
    pub product_id: Uuid,
    /// How many pieces: 1 to 1,000.
    pub quantity: u32,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum OrderStatus {
    /// Placed; stock is being reserved and payment charged.
    Pending,
    /// Reserved and paid.
    Confirmed,
    /// Left the warehouse.
    Shipped,
    /// Reached the buyer.
    Delivered,
    /// Could not be fulfilled; everything is undone.
    Rejected,
    /// Called off; everything is undone.
    Cancelled,
}

impl OrderStatus {
    /// Whether nothing can happen to the order any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Rejected | Self::Cancelled)
    }
}

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Order {
    pub id: Uuid,
    pub customer_id: Uuid,
    pub status: OrderStatus,
    /// Whether it is being cancelled: `status` becomes `cancelled` when everything is undone.
    pub cancelling: bool,
    /// What was ordered, as it was then.
    pub items: Vec<OrderItem>,
    /// The price of everything.
    pub total: Money,
    /// The code of the link that brought the buyer.
    pub link_code: Option<String>,
    pub payment_method_id: Uuid,
    /// The payment, once confirmed.
    pub payment_id: Option<Uuid>,
    /// Why it was rejected.
    pub rejection: Option<Rejection>,
    /// Who called it off, and why; also while it is being cancelled.
    pub cancellation: Option<Cancellation>,
    /// The carrier's number, once shipped.
    pub tracking_number: Option<String>,
    pub placed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Grows by one with every event.
    pub version: u64,
}

/// One kind of product in an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderItem {
    pub product_id: Uuid,
    /// Its name when the order was placed.
    pub name: String,
    pub quantity: u32,
    /// The price of one when the order was placed.
    pub unit_price: Money,
    /// The price of all of them.
    pub total: Money,
}

/// Why an order was rejected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Rejection {
    /// For a program: `out_of_stock`, `payment_declined`, `unknown_product`.
    pub reason: String,
    /// For a person.
    pub detail: String,
}

/// Who called an order off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cancellation {
    pub by: CancelledBy,
    /// Why, in their words.
    pub reason: Option<String>,
}

/// `GET /v1/orders`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListOrders {
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
    /// Only orders that stand here.
    pub status: Option<OrderStatus>,
}

/// The answer to `GET /v1/orders`: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderPage {
    pub items: Vec<OrderEdge>,
    pub has_next_page: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderEdge {
    /// Goes into `after` to go on behind this order.
    pub cursor: String,
    pub order: Order,
}

/// `GET /v1/orders/{id}`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ReadOrder {
    /// The moment whose state is told; now when absent.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "moment::optional")]
    pub at: Option<DateTime<Utc>>,
}

/// The answer to `POST /v1/orders/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// Those that the caller may see, in no order. Unknown ones are absent.
    pub orders: Vec<Order>,
}

/// The answer to `GET /v1/orders/{id}/events`: everything that happened to an order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderHistory {
    pub order_id: Uuid,
    /// From the first event on.
    pub events: Vec<OrderEvent>,
}

/// The answer to `POST /v1/orders/events/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OrderHistories {
    /// Those of the orders that the caller may see, in no order.
    pub histories: Vec<OrderHistory>,
}

/// Something that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderEvent {
    /// The order's version after it, from 1.
    pub version: u64,
    /// What happened: `placed`, `cancellation_requested`, `confirmed`, `rejected`, `cancelled`, `shipped`,
    /// `tracking_corrected`, `delivered`.
    #[serde(rename = "type")]
    pub kind: String,
    pub at: DateTime<Utc>,
    /// The particulars, in the newest schema.
    pub data: Value,
    /// The message that caused it, where one did.
    pub causation_id: Option<Uuid>,
    /// The request that began it, where one did.
    pub correlation_id: Option<String>,
}

/// `POST /v1/orders/{id}/cancel`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelOrder {
    /// Why: at most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// `POST /v1/orders/{id}/ship`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipOrder {
    /// The carrier's number: 1 to 64 characters.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tracking_number: Option<String>,
}

/// `POST /v1/links/sales/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SalesOf {
    /// The codes of links: 1 to 100.
    pub codes: Vec<String>,
}

/// The answer to `POST /v1/links/sales/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LinksSales {
    /// One per code that is the caller's; others are absent.
    pub links: Vec<LinkSales>,
}

/// What a link sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkSales {
    pub code: String,
    /// Orders that were confirmed and not cancelled after.
    pub count: u64,
    /// What they amount to, by currency.
    pub revenue: Vec<Money>,
}
