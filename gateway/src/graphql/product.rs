//! Products, and what is there of them.

use super::immediate::Immediate;
use super::load::{ProductOf, load_part};
use super::money::{Money, MoneyInput};
use super::patch;
use super::scalars::Moment;
use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object, Result, SimpleObject};
use chassis::http::Failure;
use contracts::field_errors::FieldErrors;
use contracts::rest::inventory;
use uuid::Uuid;

/// A product.
#[derive(SimpleObject)]
pub struct Product {
    /// The product's id.
    pub(super) id: ID,
    /// The merchant's number for it.
    sku: String,
    /// Its name.
    name: String,
    /// The description.
    description: Option<String>,
    /// The price of one piece.
    price: Immediate<Money>,
    /// Whether it can be ordered.
    active: bool,
    /// The stock.
    stock: Immediate<Stock>,
    /// When it was created.
    created_at: Moment,
    /// When it last changed; changes of stock do not count.
    updated_at: Moment,
}

/// The stock of a product.
#[derive(SimpleObject)]
pub struct Stock {
    /// Pieces that can be ordered.
    available: i64,
    /// Pieces in the warehouse, reserved ones included. Operators only; null for others.
    on_hand: Option<i64>,
    /// Pieces that open reservations hold. Operators only; null for others.
    reserved: Option<i64>,
}

impl From<inventory::Product> for Product {
    fn from(product: inventory::Product) -> Self {
        Self {
            id: product.id.into(),
            sku: product.sku,
            name: product.name,
            description: product.description,
            price: product.price.into(),
            active: product.active,
            stock: Stock::from(product.stock).into(),
            created_at: product.created_at.into(),
            updated_at: product.updated_at.into(),
        }
    }
}

impl From<inventory::Stock> for Stock {
    fn from(stock: inventory::Stock) -> Self {
        Self { available: stock.available, on_hand: stock.on_hand, reserved: stock.reserved }
    }
}

/// A new product.
#[derive(InputObject)]
pub struct CreateProductInput {
    /// The merchant's number for it: 1 to 64 of `A-Z a-z 0-9 . _ -`; unique without regard to case.
    sku: String,
    /// 1 to 200 characters.
    name: String,
    /// At most 5,000 characters.
    description: Option<String>,
    /// The price of one piece, not below zero.
    price: MoneyInput,
    /// Whether it can be ordered. True when absent.
    active: Option<bool>,
}

impl TryFrom<CreateProductInput> for inventory::CreateProduct {
    type Error = Failure;

    fn try_from(input: CreateProductInput) -> Result<Self, Failure> {
        let price = price(&input.price)?;
        let (sku, name, description, active) = (input.sku, input.name, input.description, input.active);
        Ok(Self { sku, name, description, price, active })
    }
}

/// Changes to a product. Fields that are absent stay as they are; null clears a field.
#[derive(InputObject)]
pub struct UpdateProductInput {
    /// The merchant's number for it.
    sku: Option<String>,
    /// The name.
    name: Option<String>,
    /// The description; null clears it.
    description: MaybeUndefined<String>,
    /// The price of one piece, not below zero. Existing orders keep their prices.
    price: Option<MoneyInput>,
    /// Whether it can be ordered.
    active: Option<bool>,
}

impl TryFrom<UpdateProductInput> for inventory::UpdateProduct {
    type Error = Failure;

    fn try_from(input: UpdateProductInput) -> Result<Self, Failure> {
        let price = input.price.as_ref().map(price).transpose()?;
        let (sku, name, active) = (input.sku, input.name, input.active);
        Ok(Self { sku, name, description: patch(input.description), price, active })
    }
}

fn price(input: &MoneyInput) -> Result<contracts::money::Money, Failure> {
    let mut wrong = FieldErrors::default();
    let price = input.read("price", &mut wrong);
    wrong.finish()?;
    price.ok_or_else(|| Failure::field("price", "must be an amount of money"))
}

/// A kind of stock change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "inventory::StockChange")]
pub enum StockChange {
    /// Pieces are added.
    Increase,
    /// Pieces are removed.
    Decrease,
}

/// A change of stock.
#[derive(InputObject)]
pub struct ChangeStockInput {
    /// The product.
    pub product_id: ID,
    /// The kind of change.
    kind: StockChange,
    /// The number of pieces: 1 to 1,000,000.
    quantity: u32,
    /// The reason: 1 to 500 characters.
    reason: String,
}

impl From<ChangeStockInput> for inventory::ChangeStock {
    fn from(input: ChangeStockInput) -> Self {
        Self { kind: input.kind.into(), quantity: input.quantity, reason: input.reason }
    }
}

pub struct StockChanged {
    product: Uuid,
    changed: inventory::StockChanged,
}

/// A stock change that was carried out.
#[Object]
impl StockChanged {
    /// The id of the change.
    async fn operation_id(&self) -> ID {
        self.changed.operation.id.into()
    }

    /// When it was made.
    async fn at(&self) -> Moment {
        self.changed.operation.at.into()
    }

    /// The stock after it.
    async fn stock(&self) -> Immediate<Stock> {
        Stock::from(self.changed.stock.clone()).into()
    }

    /// The product.
    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Immediate<Product>>> {
        load_part(ctx, ProductOf(self.product)).await
    }
}

impl From<inventory::StockChanged> for StockChanged {
    fn from(changed: inventory::StockChanged) -> Self {
        Self { product: changed.operation.product_id, changed }
    }
}
