//! What a buyer wants, with the prices of now.

use contracts::event::orders::OrderItem;
use contracts::field_errors::FieldErrors;
use contracts::money::{Money, MoneyError};
use contracts::rest::orders::{ITEMS_LIMIT, PlaceItem, QUANTITY_LIMIT};
use serde::Deserialize;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Product {
    pub id: Uuid,
    pub name: String,
    pub price: Money,
    pub active: bool,
}

/// What is to be ordered, with its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    pub items: Vec<OrderItem>,
    pub total: Money,
}

impl Cart {
    /// Reads what is wanted. Tells every quantity that cannot be; every product that is there twice, unknown, inactive,
    /// or priced in another currency than the first; and when the total does not fit, is nothing, or is not what was
    /// expected.
    pub fn read(wanted: &[PlaceItem], products: &[Product], expected: Option<Money>) -> Result<Self, FieldErrors> {
        let mut fields = FieldErrors::default();
        if !(1..=ITEMS_LIMIT).contains(&wanted.len()) {
            fields.refuse("items", format!("must be 1 to {ITEMS_LIMIT}"));
            return Err(fields);
        }
        let (mut items, mut total) = (Vec::new(), None);
        for (index, item) in wanted.iter().enumerate() {
            let quantity = fields.take(format!("items[{index}].quantity"), quantity_of(item));
            let name = format!("items[{index}].product_id");
            let product = fields.take(&name, product_of(item, &wanted[..index], products));
            let Some(product) = product else { continue };
            // A quantity that cannot be adds nothing, and the currency is looked at all the same.
            match add(total, product, quantity.unwrap_or_default()) {
                Ok((item, sum)) => {
                    items.push(item);
                    total = Some(sum);
                }
                Err(MoneyError::MixedCurrencies) => {
                    fields.refuse(
                        name,
                        format!("is priced in {}: order it apart from the items before", product.price.currency),
                    );
                }
                Err(MoneyError::Overflow) => fields.refuse("items", "must cost less: the total cannot be charged"),
            }
        }
        match total {
            // A gift may go along with what is paid: alone there would be nothing to charge.
            Some(total) if fields.is_empty() && total.minor == 0 => {
                fields.refuse("items", "must cost something: add an item that is not free");
                Err(fields)
            }
            Some(total) if fields.is_empty() => match expected {
                Some(expected) if expected != total => {
                    fields.refuse("expected_total", format!("has changed: the total is {total} now"));
                    Err(fields)
                }
                _ => Ok(Self { items, total }),
            },
            _ => Err(fields),
        }
    }
}

fn quantity_of(item: &PlaceItem) -> Result<u32, String> {
    if (1..=QUANTITY_LIMIT).contains(&item.quantity) {
        Ok(item.quantity)
    } else {
        Err(format!("must be 1 to {QUANTITY_LIMIT}"))
    }
}

fn product_of<'a>(
    item: &PlaceItem,
    before: &[PlaceItem],
    products: &'a [Product],
) -> Result<&'a Product, &'static str> {
    if before.iter().any(|other| other.product_id == item.product_id) {
        return Err("must not be repeated: raise the quantity");
    }
    let known = products.iter().find(|product| product.id == item.product_id && product.active);
    known.ok_or("unknown product, or not for sale")
}

fn add(before: Option<Money>, product: &Product, quantity: u32) -> Result<(OrderItem, Money), MoneyError> {
    let total = product.price.times(quantity)?;
    let sum = before.map_or(Ok(total), |before| before.plus(total))?;
    let item = OrderItem {
        inventory_product_id: product.id,
        name: product.name.clone(),
        quantity,
        unit_price: product.price,
        total,
    };
    Ok((item, sum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::money::Currency;
    use proptest::prelude::*;

    fn product(n: u128, minor: i64, currency: Currency) -> Product {
        Product { id: Uuid::from_u128(n), name: n.to_string(), price: Money::new(minor, currency), active: true }
    }

    fn item(n: u128, quantity: u32) -> PlaceItem {
        PlaceItem { product_id: Uuid::from_u128(n), quantity }
    }

    fn named(refusals: FieldErrors) -> Vec<String> {
        refusals.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn prices_and_names_of_now_are_taken_and_added() {
        let products = [product(1, 250, Currency::BRL), product(2, 1_000, Currency::BRL)];
        let cart = Cart::read(&[item(2, 1), item(1, 3)], &products, Some(Money::new(1_750, Currency::BRL))).unwrap();
        assert_eq!(cart.total, Money::new(1_750, Currency::BRL));
        assert_eq!(cart.items.iter().map(|item| item.total.minor).collect::<Vec<_>>(), [1_000, 750]);
    }

    #[test]
    fn what_cannot_be_ordered_is_named() {
        let inactive = Product { active: false, ..product(2, 1, Currency::BRL) };
        let products = [product(1, 250, Currency::BRL), inactive, product(3, 1, Currency::EUR)];
        let refused = Cart::read(&[item(1, 1), item(2, 1), item(3, 1), item(4, 1)], &products, None).unwrap_err();
        assert_eq!(named(refused), ["items[1].product_id", "items[2].product_id", "items[3].product_id"]);
        let dear = [product(1, i64::MAX, Currency::BRL), product(2, 1, Currency::BRL)];
        assert_eq!(named(Cart::read(&[item(1, 2)], &dear, None).unwrap_err()), ["items"]);
        assert_eq!(named(Cart::read(&[item(1, 1), item(2, 1)], &dear, None).unwrap_err()), ["items"]);
        let shown = Some(Money::new(1, Currency::EUR));
        assert_eq!(named(Cart::read(&[item(2, 1)], &dear, shown).unwrap_err()), ["expected_total"]);
    }

    #[test]
    fn a_gift_goes_along_with_what_is_paid_and_never_alone() {
        let products = [product(1, 0, Currency::BRL), product(2, 250, Currency::BRL)];
        let cart = Cart::read(&[item(1, 2), item(2, 1)], &products, None).unwrap();
        assert_eq!((cart.items.len(), cart.total.minor), (2, 250));
        assert_eq!(named(Cart::read(&[item(1, 2)], &products, None).unwrap_err()), ["items"]);
    }

    #[test]
    fn everything_that_is_wrong_is_named_in_the_order_of_the_items() {
        let products = [product(1, 250, Currency::BRL), product(2, 1, Currency::EUR)];
        let wanted = [item(1, 0), item(3, 1), item(2, 1_001), item(1, 1_001), item(4, 0)];
        let refused = Cart::read(&wanted, &products, Some(Money::new(1, Currency::BRL))).unwrap_err();
        let expected = [
            "items[0].quantity",
            "items[1].product_id",
            "items[2].quantity",
            "items[2].product_id",
            "items[3].quantity",
            "items[3].product_id",
            "items[4].quantity",
            "items[4].product_id",
        ];
        assert_eq!(named(refused), expected);
        assert_eq!(named(Cart::read(&[], &products, None).unwrap_err()), ["items"]);
    }

    proptest! {
        #[test]
        fn a_total_is_the_sum_of_its_items_or_refused(prices in proptest::collection::vec((0_i64..i64::MAX / 500, 1_u32..=1_000), 1..100)) {
            let products: Vec<_> =
                prices.iter().enumerate().map(|(n, (price, _))| product(n as u128, *price, Currency::BRL)).collect();
            let wanted: Vec<_> = prices.iter().enumerate().map(|(n, (_, quantity))| item(n as u128, *quantity)).collect();
            let sum: i128 = prices.iter().map(|(price, quantity)| i128::from(*price) * i128::from(*quantity)).sum();
            match Cart::read(&wanted, &products, None) {
                Ok(cart) => {
                    prop_assert_eq!(i128::from(cart.total.minor), sum);
                    prop_assert_eq!(cart.items.iter().map(|item| i128::from(item.total.minor)).sum::<i128>(), sum);
                }
                Err(_) => prop_assert!(sum == 0 || sum > i128::from(i64::MAX)),
            }
        }
    }
}
