//! What is known of what is wanted: read once for all who are placed together.

use crate::{
    domain::{Cart, Means, Product, Refusals},
    error::Error,
    store::{customers, links, products},
};
use chrono::Utc;
use contracts::rest::orders::PlaceOrder;
use sealing::Keyring;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Buyers, products and links.
pub(super) struct Known {
    /// By user and means of payment.
    buyers: HashMap<(Uuid, Uuid), customers::Buyer>,
    products: Vec<Product>,
    links: HashSet<String>,
}

/// Who pays, and how.
pub(super) struct Buyer {
    pub(super) customer_id: Uuid,
    pub(super) means: Means,
}

impl Known {
    /// Reads what these users' orders speak of; holds off the erasure of the buyers until the transaction ends.
    pub(super) async fn read(connection: &mut PgConnection, wanted: &[(Uuid, &PlaceOrder)]) -> sqlx::Result<Self> {
        let payers: HashSet<_> = wanted.iter().map(|(user, order)| (*user, order.payment_method_id)).collect();
        let items = wanted.iter().flat_map(|(_, order)| order.items.iter());
        let ids: HashSet<_> = items.map(|item| item.product_id).collect();
        let codes: HashSet<_> = wanted.iter().filter_map(|(_, order)| order.link_code.clone()).collect();
        Ok(Self {
            buyers: customers::buyers(connection, &Vec::from_iter(payers)).await?,
            products: products::by_ids(connection, &Vec::from_iter(ids)).await?,
            links: links::known(connection, &Vec::from_iter(codes)).await?,
        })
    }

    /// Reads a user's order against what is known, and tells everything that is wrong at once.
    ///
    /// # Errors
    /// Tells the fields that are not acceptable, or that the customer was erased.
    pub(super) fn consider(&self, user: Uuid, order: &PlaceOrder, keyring: &Keyring) -> Result<(Buyer, Cart), Error> {
        let mut fields = Refusals::default();
        let buyer = fields.take("payment_method_id", self.buyer(user, order.payment_method_id, keyring)?);
        let cart = fields.hold(Cart::read(&order.items, &self.products, order.expected_total));
        if order.link_code.as_ref().is_some_and(|code| !self.links.contains(code)) {
            fields.refuse("link_code", "is no link's");
        }
        match (buyer, cart) {
            (Some(buyer), Some(cart)) if fields.is_empty() => Ok((buyer, cart)),
            _ => Err(fields.into()),
        }
    }

    /// Who pays, and how; or what is wrong with the means of payment.
    fn buyer(&self, user: Uuid, means: Uuid, keyring: &Keyring) -> Result<Result<Buyer, &'static str>, Error> {
        let Some(row) = self.buyers.get(&(user, means)) else {
            return Ok(Err("is none of yours: save your data first"));
        };
        let (false, Some(key_id), Some(wrapped)) = (row.is_erased, row.key_id, &row.wrapped) else {
            return Err(Error::Erased);
        };
        let Some(sealed) = &row.means else { return Ok(Err("is none of yours")) };
        let found: Means = keyring.unwrap(row.id, key_id, wrapped)?.open_item(means, sealed)?;
        let this_month = Utc::now().format("%Y-%m").to_string();
        if found.expiry.as_ref().is_some_and(|expiry| *expiry < this_month) {
            return Ok(Err("is over"));
        }
        Ok(Ok(Buyer { customer_id: row.id, means: found }))
    }
}
