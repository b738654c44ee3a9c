//! What an order is placed with.

use super::money::MoneyInput;
use super::uuid;
use async_graphql::{ID, InputObject};
use chassis::http::Failure;
use contracts::field_errors::FieldErrors;
use contracts::rest::orders;

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
