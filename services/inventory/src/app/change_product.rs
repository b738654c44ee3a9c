//! Makes and changes products.

use super::{Inventory, now};
use crate::domain::{Description, Name, Price, Sku, Stock};
use crate::error::Error;
use crate::store::products::{self, Product};
use crate::store::stock;
use contracts::envelope::Event;
use contracts::event::inventory::{ProductCreated, ProductUpdated};
use contracts::rest::inventory as rest;
use uuid::Uuid;

#[derive(Debug, Clone)]
pub struct NewProduct {
    /// The merchant's number for it.
    pub sku: Sku,
    pub name: Name,
    pub description: Option<Description>,
    pub price: Price,
    pub active: bool,
}

/// What is to be another; nothing stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    /// The merchant's number for it.
    pub sku: Option<Sku>,
    pub name: Option<Name>,
    /// What it is, or that there is nothing to say.
    pub description: Option<Option<Description>>,
    pub price: Option<Price>,
    pub active: Option<bool>,
}

impl Inventory {
    /// Makes a product, of which nothing is there yet.
    pub async fn create(&self, new: NewProduct) -> Result<rest::Product, Error> {
        let at = now();
        let product = Product {
            id: Uuid::now_v7(),
            sku: new.sku.as_str().to_owned(),
            name: new.name.as_str().to_owned(),
            description: new.description.map(|text| text.as_str().to_owned()),
            price: new.price.money(),
            active: new.active,
            stock: Stock::default(),
            version: 1,
            created_at: at,
            updated_at: at,
        };
        let mut tx = self.db.begin().await?;
        products::insert(&mut tx, &product).await?;
        stock::insert(&mut tx, product.id).await?;
        let Product { id: product_id, sku, name, description, price, active, .. } = product.clone();
        let told = ProductCreated { product_id, sku, name, description, price, active, at };
        tx.enqueue(Event::new(product_id.to_string(), 1, told))?;
        tx.commit().await?;
        Ok(product.seen(true))
    }

    /// Changes a product. What changes nothing is no event.
    pub async fn change(&self, id: Uuid, change: ProductChange) -> Result<rest::Product, Error> {
        let mut tx = self.db.begin().await?;
        let before = products::lock(&mut tx, id).await?;
        let mut product = before.clone();
        apply(&mut product, change);
        if product == before {
            return Ok(product.seen(true));
        }
        product.updated_at = now();
        products::update(&mut tx, &product).await?;
        product.version = stock::next_version(&mut tx, id).await?;
        let Product { id: product_id, sku, name, description, price, active, updated_at: at, .. } = product.clone();
        let told = ProductUpdated { product_id, sku, name, description, price, active, at };
        let event = Event::new(id.to_string(), product.version.unsigned_abs(), told);
        tx.enqueue(event)?;
        tx.commit().await?;
        Ok(product.seen(true))
    }
}

fn apply(product: &mut Product, change: ProductChange) {
    if let Some(sku) = change.sku {
        product.sku = sku.as_str().to_owned();
    }
    if let Some(name) = change.name {
        product.name = name.as_str().to_owned();
    }
    if let Some(description) = change.description {
        product.description = description.map(|text| text.as_str().to_owned());
    }
    if let Some(price) = change.price {
        product.price = price.money();
    }
    if let Some(active) = change.active {
        product.active = active;
    }
}
