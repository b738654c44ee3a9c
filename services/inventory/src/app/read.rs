//! Reading products, their stock and its history, and reservations.

use super::Inventory;
use crate::error::Error;
use crate::store::{operations, products, reservations};
use chassis::page::{PageRequest, cursor, read_cursor};
use contracts::rest::inventory as rest;
use uuid::Uuid;

/// What cursors of products are told from others by.
const PRODUCTS: &str = "products";
/// What cursors of reservations are told from others by.
const RESERVATIONS: &str = "reservations";

impl Inventory {
    /// The product; one that is not active only for operators.
    pub async fn product(&self, id: Uuid, by_operator: bool) -> Result<rest::Product, Error> {
        let found = products::by_ids(self.db.pool(), &[id], by_operator).await?;
        let product = found.into_iter().next().ok_or(Error::UnknownProduct)?;
        Ok(product.seen(by_operator))
    }

    /// Those of the products that exist and that the caller may see.
    pub async fn products(&self, ids: &[Uuid], by_operator: bool) -> Result<rest::Products, Error> {
        let found = products::by_ids(self.db.pool(), ids, by_operator).await?;
        Ok(rest::Products { items: found.into_iter().map(|product| product.seen(by_operator)).collect() })
    }

    /// A page of products, newest first.
    pub async fn list(
        &self,
        page: PageRequest,
        after: Option<&str>,
        search: Option<String>,
        by_operator: bool,
    ) -> Result<rest::ProductPage, Error> {
        let before = read_cursor(PRODUCTS, after)?.map(Uuid::from_bytes);
        let filter = products::Filter { before, search, all: by_operator };
        let found = page.page(products::list(self.db.pool(), &filter, page.limit().into()).await?);
        let items = found.rows.into_iter().map(|product| {
            let cursor = cursor(PRODUCTS, product.id);
            rest::ProductItem { cursor, product: product.seen(by_operator) }
        });
        Ok(rest::ProductPage { items: items.collect(), has_next_page: found.has_next_page })
    }

    /// A page of what happened to a product's stock, newest first.
    pub async fn operations(
        &self,
        product: Uuid,
        page: PageRequest,
        after: Option<&str>,
    ) -> Result<rest::StockOperationPage, Error> {
        let list = format!("stock operations of {product}");
        let before = read_cursor(&list, after)?.map(i64::from_be_bytes);
        self.product(product, true).await?;
        let found = page.page(operations::list(self.db.pool(), product, before, page.limit().into()).await?);
        let items = found.rows.into_iter().map(|operation| {
            let cursor = cursor(&list, operation.product_version.to_be_bytes());
            rest::StockOperationItem { cursor, operation }
        });
        Ok(rest::StockOperationPage { items: items.collect(), has_next_page: found.has_next_page })
    }

    /// A page of reservations, newest first.
    pub async fn reservations(
        &self,
        page: PageRequest,
        request: &rest::ListReservations,
    ) -> Result<rest::ReservationPage, Error> {
        let before = read_cursor(RESERVATIONS, request.after.as_deref())?.map(Uuid::from_bytes);
        let filter = reservations::Filter { status: request.status, saga: request.saga, before };
        let found = page.page(reservations::list(self.db.pool(), filter, page.limit().into()).await?);
        let items = found.rows.into_iter().map(|reservation| {
            let cursor = cursor(RESERVATIONS, reservation.id);
            rest::ReservationPageItem { cursor, reservation: reservation.into() }
        });
        Ok(rest::ReservationPage { items: items.collect(), has_next_page: found.has_next_page })
    }
}
