//! REST types of inventory.

use crate::money::Money;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The most products that one batch request may ask for.
pub const BATCH_LIMIT: usize = 200;

/// `POST /v1/products`. For operators.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateProduct {
    /// The merchant's number for it: 1 to 64 of `A-Z a-z 0-9 . _ -`; unique without regard to case.
    pub sku: String,
    /// 1 to 200 characters.
    pub name: String,
    /// At most 5,000 characters.
    pub description: Option<String>,
    /// The price of one, not below zero.
    pub price: Money,
    /// Whether it can be ordered. True when absent.
    pub active: Option<bool>,
}

/// `PATCH /v1/products/{id}` (JSON merge patch, RFC 7396): absent fields stay, `null` clears. For operators.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateProduct {
    /// The merchant's number for it.
    pub sku: Option<String>,
    pub name: Option<String>,
    /// What it is; `null` clears it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// The price of one, not below zero.
    pub price: Option<Money>,
    /// Whether it can be ordered.
    pub active: Option<bool>,
}

/// Tells a field that is `null` (`Some(None)`) from one that is absent (`None`).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A product with what is there of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    pub id: Uuid,
    /// The merchant's number for it.
    pub sku: String,
    pub name: String,
    pub description: Option<String>,
    pub price: Money,
    /// Whether it can be ordered.
    pub active: bool,
    /// What is there of it.
    pub stock: Stock,
    pub created_at: DateTime<Utc>,
    /// When it was changed last; changes of stock do not count.
    pub updated_at: DateTime<Utc>,
    /// Grows by one with every event about the product, those of its stock included.
    pub version: u64,
}

/// What is there of a product.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stock {
    /// Pieces that can be ordered.
    pub available: i64,
    /// Pieces in the warehouse, reserved ones included. Only for operators.
    pub on_hand: Option<i64>,
    /// Pieces that open reservations hold. Only for operators.
    pub reserved: Option<i64>,
}

/// `GET /v1/products`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListProducts {
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
    /// Only products whose name or SKU contains this, without regard to case.
    pub search: Option<String>,
}

/// The answer to `GET /v1/products`: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProductPage {
    pub items: Vec<ProductItem>,
    pub has_next_page: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProductItem {
    /// Goes into `after` to go on behind this product.
    pub cursor: String,
    pub product: Product,
}

/// `POST /v1/products/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductsBatch {
    /// 1 to 200 products.
    pub ids: Vec<Uuid>,
}

/// The answer to `POST /v1/products/batch`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Products {
    /// Those that exist and that the caller may see, in no order.
    pub items: Vec<Product>,
}

/// What an operator may do to stock. Reserving and releasing are the orders' doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockChange {
    /// Pieces came in.
    Increase,
    /// Pieces went out, or were never there.
    Decrease,
}

/// `POST /v1/products/{id}/stock/operations`. For operators.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeStock {
    pub kind: StockChange,
    /// How many pieces: 1 to 1,000,000.
    pub quantity: u32,
    /// Why: 1 to 500 characters.
    pub reason: String,
}

/// The answer to `POST /v1/products/{id}/stock/operations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockChanged {
    pub operation: StockOperation,
    /// What is there after it.
    pub stock: Stock,
}

/// What can happen to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StockOperationKind {
    /// Pieces came in.
    Increase,
    /// Pieces went out.
    Decrease,
    /// Pieces were set aside for an order.
    Reserve,
    /// Pieces that were set aside are free again, or went out with their order.
    Release,
}

/// One thing that happened to the stock of a product. Operations are never changed; their sum is the stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockOperation {
    pub id: Uuid,
    pub product_id: Uuid,
    /// The product's version after it.
    pub product_version: u64,
    pub kind: StockOperationKind,
    /// To how many pieces.
    pub quantity: u32,
    pub reason: String,
    /// The order's saga that it was done for.
    pub saga_id: Option<Uuid>,
    pub step: Option<String>,
    /// The reservation that it belongs to.
    pub reservation_id: Option<Uuid>,
    /// The operator who did it (soft reference to auth's users).
    pub actor_auth_user_id: Option<Uuid>,
    pub at: DateTime<Utc>,
}

/// `GET /v1/products/{id}/stock/operations`.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListStockOperations {
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
}

/// The answer to `GET /v1/products/{id}/stock/operations`: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StockOperationPage {
    pub items: Vec<StockOperationItem>,
    pub has_next_page: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StockOperationItem {
    /// Goes into `after` to go on behind this operation.
    pub cursor: String,
    pub operation: StockOperation,
}

/// Where a reservation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[derive(strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum ReservationStatus {
    /// Pieces are set aside.
    Open,
    /// The order was confirmed and its pieces have left.
    Fulfilled,
    /// It was undone; its pieces are free, or back.
    Released,
    /// It was not confirmed in time; its pieces are free.
    Expired,
    /// Its order was confirmed after it had expired, and the pieces were gone. Somebody must see to it.
    Short,
    /// There was not enough, or no such product; nothing was set aside.
    Refused,
    /// It was undone before it came; nothing was set aside, and nothing will be.
    Tombstone,
}

/// What one step of an order's saga set aside.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reservation {
    pub id: Uuid,
    pub saga_id: Uuid,
    pub step: String,
    /// The order (soft reference to orders).
    pub orders_order_id: Uuid,
    pub status: ReservationStatus,
    /// What was wanted.
    pub items: Vec<ReservationItem>,
    /// Why it was refused, for a program: `out_of_stock` or `unknown_product`.
    pub refusal: Option<String>,
    /// When it expires, unless confirmed or released before.
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// So many pieces of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReservationItem {
    pub product_id: Uuid,
    pub quantity: u32,
}

/// `GET /v1/reservations`. For operators.
#[serde_with::skip_serializing_none]
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListReservations {
    /// Only those that stand there.
    #[param(inline)]
    pub status: Option<ReservationStatus>,
    /// Only those of this saga.
    pub saga: Option<Uuid>,
    /// How many at most: 1 to 100, 20 when absent.
    pub first: Option<u32>,
    /// The cursor after which to go on.
    pub after: Option<String>,
}

/// The answer to `GET /v1/reservations`: newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReservationPage {
    pub items: Vec<ReservationPageItem>,
    pub has_next_page: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReservationPageItem {
    /// Goes into `after` to go on behind this reservation.
    pub cursor: String,
    pub reservation: Reservation,
}

/// The answer to `POST /v1/stock/rebuild`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockRebuilt {
    /// How many products were looked at.
    pub products: u64,
    /// Where the projection told otherwise than the operations. Empty when all was well.
    pub differences: Vec<StockDifference>,
}

/// One number that was not what the operations say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StockDifference {
    pub product_id: Uuid,
    /// Which number: `on_hand`, `reserved`, `operations`, `version`, `open_reservations` or `snapshot`.
    pub field: String,
    /// What was stored.
    pub stored: i64,
    /// What the operations say.
    pub computed: i64,
    /// Whether it is right now. Reservations that do not agree with the operations are only reported.
    pub mended: bool,
}
