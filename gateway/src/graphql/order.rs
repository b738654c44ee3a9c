//! Orders, as their buyer sees and places them.

use super::customer::Customer;
use super::immediate::Immediate;
use super::link::Link;
use super::load::{CustomerOf, HistoryOf, LinkOf, PaymentOf, ProductOf, load, load_part};
use super::money::{Money, MoneyInput};
use super::payment::Payment;
use super::product::Product;
use super::scalars::{Json, Moment};
use super::uuid;
use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chassis::http::Failure;
use contracts::event::orders::CancelledBy;
use contracts::field_errors::FieldErrors;
use contracts::rest::orders;

pub struct Order(pub(super) orders::Order);

/// The status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "orders::OrderStatus")]
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
    /// Cancelled; everything is undone.
    Cancelled,
}

/// An order. Its items keep names and prices as they were when it was placed.
#[Object]
impl Order {
    /// The order's id.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The status.
    async fn status(&self) -> OrderStatus {
        self.0.status.into()
    }

    /// Whether it is being cancelled: `status` becomes `CANCELLED` when everything is undone.
    async fn cancelling(&self) -> bool {
        self.0.cancelling
    }

    /// The total price.
    async fn total(&self) -> Immediate<Money> {
        self.0.total.into()
    }

    /// What was ordered.
    async fn items(&self) -> Vec<OrderItem> {
        self.0.items.iter().cloned().map(OrderItem).collect()
    }

    /// The buyer.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Immediate<Customer>>> {
        load_part(ctx, CustomerOf(self.0.customer_id)).await
    }

    /// The payment as it is now; null until there is one.
    async fn payment(&self, ctx: &Context<'_>) -> Option<Result<Immediate<Payment>>> {
        load_part(ctx, PaymentOf(self.0.id)).await
    }

    /// The link that brought the buyer. Null unless you own the link.
    async fn link(&self, ctx: &Context<'_>) -> Option<Result<Link>> {
        let code = self.0.link_code.clone()?;
        let link = load(ctx, LinkOf(code)).await.transpose()?;
        Some(link.map(Link::from).map_err(Into::into))
    }

    /// Everything that happened to the order, oldest first.
    async fn history(&self, ctx: &Context<'_>) -> Result<Vec<Immediate<OrderEvent>>> {
        let events = load(ctx, HistoryOf(self.0.id)).await?.unwrap_or_default();
        // An order as it was has no history after that.
        let until_then = events.into_iter().filter(|event| event.version <= self.0.version);
        Ok(until_then.map(OrderEvent::from).map(Immediate).collect())
    }

    /// Why it was rejected.
    async fn rejection(&self) -> Option<Rejection> {
        self.0.rejection.clone().map(Rejection::from)
    }

    /// Who cancelled it, and why. Present as soon as the cancellation is requested.
    async fn cancellation(&self) -> Option<Cancellation> {
        self.0.cancellation.clone().map(Cancellation::from)
    }

    /// The carrier's tracking number, once the order is shipped.
    async fn tracking_number(&self) -> Option<&String> {
        self.0.tracking_number.as_ref()
    }

    /// When it was placed.
    async fn placed_at(&self) -> Moment {
        self.0.placed_at.into()
    }

    /// When it last changed.
    async fn updated_at(&self) -> Moment {
        self.0.updated_at.into()
    }

    /// Grows by one with every event of the order.
    async fn version(&self) -> u64 {
        self.0.version
    }
}

impl From<orders::Order> for Order {
    fn from(order: orders::Order) -> Self {
        Self(order)
    }
}

pub struct OrderItem(orders::OrderItem);

/// A product in an order, and how many of it.
#[Object]
impl OrderItem {
    /// The product as it is now; null when it is no longer on sale.
    async fn product(&self, ctx: &Context<'_>) -> Option<Result<Immediate<Product>>> {
        load_part(ctx, ProductOf(self.0.product_id)).await
    }

    /// Its name when the order was placed.
    async fn product_name(&self) -> &str {
        &self.0.name
    }

    /// The number of pieces.
    async fn quantity(&self) -> u32 {
        self.0.quantity
    }

    /// The price of one piece when the order was placed.
    async fn unit_price(&self) -> Immediate<Money> {
        self.0.unit_price.into()
    }

    /// The price of all pieces.
    async fn total(&self) -> Immediate<Money> {
        self.0.total.into()
    }
}

/// Why an order was rejected.
#[derive(SimpleObject)]
pub struct Rejection {
    /// The reason, for a program: `out_of_stock`, `payment_declined`, `unknown_product`.
    reason: String,
    /// The reason, for a person.
    detail: String,
}

impl From<orders::Rejection> for Rejection {
    fn from(orders::Rejection { reason, detail }: orders::Rejection) -> Self {
        Self { reason, detail }
    }
}

/// Who cancelled an order, and why.
#[derive(SimpleObject)]
pub struct Cancellation {
    /// Who cancelled it.
    by: Canceller,
    /// The reason, in their words.
    reason: Option<String>,
}

impl From<orders::Cancellation> for Cancellation {
    fn from(cancellation: orders::Cancellation) -> Self {
        Self { by: cancellation.by.into(), reason: cancellation.reason }
    }
}

/// Who can cancel an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "CancelledBy")]
pub enum Canceller {
    /// The buyer.
    Buyer,
    /// An operator.
    Operator,
    /// Nobody: the order was not confirmed in time.
    Deadline,
}

/// Something that happened to an order.
#[derive(SimpleObject)]
pub struct OrderEvent {
    /// The order's version after it, from 1.
    version: u64,
    /// What happened: `placed`, `cancellation_requested`, `confirmed`, `rejected`, `cancelled`, `shipped`,
    /// `tracking_corrected`, `delivered`.
    #[graphql(name = "type")]
    kind: String,
    /// When it happened.
    at: Moment,
    /// The details of the event.
    data: Json,
}

impl From<orders::OrderEvent> for OrderEvent {
    fn from(event: orders::OrderEvent) -> Self {
        Self { version: event.version, kind: event.kind, at: event.at.into(), data: Json(event.data) }
    }
}

/// A new order.
#[derive(InputObject)]
pub struct PlaceOrderInput {
    /// 1 to 100 different products, all priced in one currency.
    items: Vec<PlaceItemInput>,
    /// The id of one of the customer's payment methods.
    payment_method_id: ID,
    /// The code of the link that brought the buyer.
    link_code: Option<String>,
    /// The total that the buyer was shown. The order is refused when the total has changed.
    expected_total: Option<MoneyInput>,
}

/// A product in a new order, and how many of it.
#[derive(InputObject)]
pub struct PlaceItemInput {
    /// The id of the product.
    product_id: ID,
    /// The number of pieces: 1 to 1,000.
    quantity: i32,
}

impl TryFrom<PlaceOrderInput> for orders::PlaceOrder {
    type Error = Failure;

    /// Reads what has a form. The limits are those of orders, which names what breaks them.
    fn try_from(input: PlaceOrderInput) -> Result<Self, Failure> {
        let mut wrong = FieldErrors::default();
        let items = input.items.into_iter().enumerate();
        let items: Vec<_> = items.filter_map(|(index, item)| item.read(index, &mut wrong)).collect();
        let method = uuid(&input.payment_method_id).ok_or("must be the id of a payment method");
        let method = wrong.take("payment_method_id", method);
        let total = input.expected_total.and_then(|total| total.read("expected_total", &mut wrong));
        wrong.finish()?;
        let payment_method_id = method.ok_or_else(|| Failure::field("payment_method_id", "is missing"))?;
        Ok(Self { items, payment_method_id, link_code: input.link_code, expected_total: total })
    }
}

impl PlaceItemInput {
    fn read(self, index: usize, wrong: &mut FieldErrors) -> Option<orders::PlaceItem> {
        let product = uuid(&self.product_id).ok_or("must be the id of a product");
        let product = wrong.take(format!("items[{index}].product_id"), product);
        let quantity = u32::try_from(self.quantity).map_err(|_| "must be 1 to 1,000");
        let quantity = wrong.take(format!("items[{index}].quantity"), quantity);
        Some(orders::PlaceItem { product_id: product?, quantity: quantity? })
    }
}
