//! Products that are locked for a change, and what happens to them.
//!
//! All decisions about stock are made here, on numbers that nobody else can change meanwhile; what
//! they come to is a list of [`Change`]s to be stored and told.

use super::{Items, Kind, Stock, StockError};
use contracts::rest::inventory::ReservationStatus as Status;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelved {
    pub name: String,
    pub active: bool,
    pub stock: Stock,
    /// Grows by one with every event about it.
    pub version: i64,
    /// How many operations made its stock.
    pub operations: i64,
}

/// One thing that happened to a product: one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub product_id: Uuid,
    /// The product's version after it.
    pub version: i64,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Operation {
        kind: Kind,
        quantity: u32,
        stock: Stock,
        /// Which of the product's operations it is, from 1.
        number: i64,
    },
    /// More of it was wanted than is free.
    Unavailable { wanted: u32, available: i64 },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
}

/// Locked products, and what has happened to them.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    products: BTreeMap<Uuid, Shelved>,
    changes: Vec<Change>,
}

impl Shelf {
    /// Puts locked products on the shelf.
    pub fn new(products: impl IntoIterator<Item = (Uuid, Shelved)>) -> Self {
        Self { products: products.into_iter().collect(), changes: Vec::new() }
    }

    #[must_use]
    pub fn get(&self, product: Uuid) -> Option<&Shelved> {
        self.products.get(&product)
    }

    /// Takes what has happened since it was taken last.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Lets something happen to one product. Fails when it cannot happen; nothing has changed then.
    pub fn operate(&mut self, product_id: Uuid, kind: Kind, quantity: u32) -> Result<(), StockError> {
        let product = self.products.get_mut(&product_id).ok_or(StockError::Unknown)?;
        product.stock = product.stock.after(kind, quantity)?;
        product.version += 1;
        product.operations += 1;
        let what = What::Operation { kind, quantity, stock: product.stock, number: product.operations };
        self.changes.push(Change { product_id, version: product.version, what });
        Ok(())
    }

    /// Sets all items aside, or none. Refuses when a product is not there or not for sale, or too few are free; then
    /// every lack is among the changes, to be told.
    pub fn reserve(&mut self, items: &Items) -> Result<(), Refusal> {
        let is_for_sale = |product| self.get(product).is_some_and(|product| product.active);
        let unknown: Vec<_> = items.products().into_iter().filter(|product| !is_for_sale(*product)).collect();
        if !unknown.is_empty() {
            let ids: Vec<_> = unknown.iter().map(Uuid::to_string).collect();
            let message = format!("Not for sale: {}. Order without them.", ids.join(", "));
            return Err(Refusal { code: "unknown_product", message });
        }
        let lacks = self.lacks(items);
        if !lacks.is_empty() {
            return Err(self.out_of_stock(&lacks));
        }
        // Every item is there, and each product once.
        items
            .iter()
            .try_for_each(|(product, quantity)| self.operate(product, Kind::Reserve, quantity))
            .map_err(|error| Refusal { code: "out_of_stock", message: error.to_string() })
    }

    /// Frees what an open reservation holds, or takes back what has left. Says where it stands then. Fails when the
    /// stock does not hold what the reservation says: never, unless rows were changed by hand.
    pub fn release(&mut self, status: Status, items: &Items) -> Result<Status, StockError> {
        let kind = match status {
            Status::Open => Kind::Release,
            Status::Fulfilled => Kind::Increase,
            // Nothing is held any more; and a confirmation that comes now must find it released.
            Status::Expired | Status::Short => return Ok(Status::Released),
            Status::Released | Status::Refused | Status::Tombstone => return Ok(status),
        };
        items.iter().try_for_each(|(product, quantity)| self.operate(product, kind, quantity))?;
        Ok(Status::Released)
    }

    /// Lets the pieces of a reservation leave with their order. Says where it stands then. Fails when the stock does
    /// not hold what the reservation says: never, unless rows were changed by hand.
    pub fn fulfil(&mut self, status: Status, items: &Items) -> Result<Status, StockError> {
        match status {
            Status::Open => {
                for (product, quantity) in items.iter() {
                    self.operate(product, Kind::Release, quantity)?;
                    self.operate(product, Kind::Decrease, quantity)?;
                }
                Ok(Status::Fulfilled)
            }
            // Its pieces were given back, and others may have them by now.
            Status::Expired | Status::Short if !self.lacks(items).is_empty() => Ok(Status::Short),
            Status::Expired | Status::Short => {
                items.iter().try_for_each(|(product, quantity)| self.operate(product, Kind::Decrease, quantity))?;
                Ok(Status::Fulfilled)
            }
            Status::Fulfilled | Status::Released | Status::Refused | Status::Tombstone => Ok(status),
        }
    }

    /// Frees what an open reservation holds because its time is over. Fails when the stock does not hold what the
    /// reservation says: never, unless rows were changed by hand.
    pub fn expire(&mut self, items: &Items) -> Result<Status, StockError> {
        items.iter().try_for_each(|(product, quantity)| self.operate(product, Kind::Release, quantity))?;
        Ok(Status::Expired)
    }

    /// The products of which too few are free, with how many are wanted and free.
    fn lacks(&self, items: &Items) -> Vec<(Uuid, u32, i64)> {
        let free = |product| self.get(product).map_or(0, |product| product.stock.available());
        let wanted = items.iter().map(|(product, wanted)| (product, wanted, free(product)));
        wanted.filter(|(_, wanted, free)| *free < i64::from(*wanted)).collect()
    }

    fn out_of_stock(&mut self, lacks: &[(Uuid, u32, i64)]) -> Refusal {
        let mut told = Vec::new();
        for (product_id, wanted, available) in lacks.iter().copied() {
            let Some(product) = self.products.get_mut(&product_id) else { continue };
            product.version += 1;
            told.push(format!("{} ({wanted} wanted, {available} available)", product.name));
            let what = What::Unavailable { wanted, available };
            self.changes.push(Change { product_id, version: product.version, what });
        }
        Refusal { code: "out_of_stock", message: format!("Not enough in stock: {}. Order fewer.", told.join(", ")) }
    }
}

#[cfg(test)]
mod tests;
