//! What a reservation is for.

use contracts::command::checkout::StockItem;
use std::collections::BTreeMap;
use uuid::Uuid;

/// So many pieces of each of some products, in the order of the products' ids: the order in which everybody locks them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Items(BTreeMap<Uuid, u32>);

impl Items {
    /// Reads the items of a command. A product that is named twice is wanted as often. Tells what is wrong: nothing is
    /// wanted, or none of a product, or more than can be counted.
    pub fn parse(items: &[StockItem]) -> Result<Self, &'static str> {
        let mut wanted = BTreeMap::<Uuid, u32>::new();
        for item in items {
            let pieces = wanted.entry(item.inventory_product_id).or_default();
            *pieces = pieces.checked_add(item.quantity).ok_or("a product is wanted more often than can be counted")?;
            if item.quantity == 0 {
                return Err("none of a product is wanted");
            }
        }
        if wanted.is_empty() { Err("nothing is wanted") } else { Ok(Self(wanted)) }
    }

    /// Takes items that were parsed before they were stored.
    pub fn stored(items: impl IntoIterator<Item = (Uuid, u32)>) -> Self {
        Self(items.into_iter().collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Uuid, u32)> {
        self.0.iter().map(|(product, quantity)| (*product, *quantity))
    }

    #[must_use]
    pub fn products(&self) -> Vec<Uuid> {
        self.0.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(product: u128, quantity: u32) -> StockItem {
        StockItem { inventory_product_id: Uuid::from_u128(product), quantity }
    }

    #[test]
    fn items_are_ordered_and_repeated_ones_added() {
        let items = Items::parse(&[item(2, 1), item(1, 4), item(2, 2)]).unwrap();
        let read: Vec<_> = items.iter().collect();
        assert_eq!(read, [(Uuid::from_u128(1), 4), (Uuid::from_u128(2), 3)]);
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for items in [vec![], vec![item(1, 0)], vec![item(1, u32::MAX), item(1, 1)]] {
            assert!(Items::parse(&items).is_err(), "{items:?}");
        }
    }
}
