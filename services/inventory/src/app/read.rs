//! Reading products, their stock and its history, and reservations.

use super::Inventory;
use crate::{
    domain::{PageRequest, read_cursor},
    error::Error,
    store::{operations, products, reservations},
};
use contracts::rest::inventory as rest;
use uuid::Uuid;

impl Inventory {
    /// The product; one that is not active only for operators.
    ///
    /// # Errors
    /// [`Error::UnknownProduct`].
    pub async fn product(&self, id: Uuid, by_operator: bool) -> Result<rest::Product, Error> {
        let found = products::by_ids(&self.pool, &[id], by_operator).await?;
        let product = found.into_iter().next().ok_or(Error::UnknownProduct)?;
        Ok(product.seen(by_operator))
    }

    /// Those of the products that exist and that the caller may see.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn products(&self, ids: &[Uuid], by_operator: bool) -> Result<rest::Products, Error> {
        let found = products::by_ids(&self.pool, ids, by_operator).await?;
        Ok(rest::Products { items: found.into_iter().map(|product| product.seen(by_operator)).collect() })
    }

    /// A page of products, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`].
    pub async fn list(
        &self,
        page: PageRequest,
        after: Option<&str>,
        search: Option<String>,
        by_operator: bool,
    ) -> Result<rest::ProductPage, Error> {
        let before = read_cursor(after)?.map(Uuid::from_bytes);
        let filter = products::Filter { before, search, all: by_operator };
        let found = page.page(products::list(&self.pool, &filter, page.limit()).await?);
        let (items, has_next_page) = found.items(
            |product| product.id.as_bytes().to_vec(),
            |cursor, product| rest::ProductItem { cursor, product: product.seen(by_operator) },
        );
        Ok(rest::ProductPage { items, has_next_page })
    }

    /// A page of what happened to a product's stock, newest first.
    ///
    /// # Errors
    /// [`Error::UnknownProduct`]; [`Error::InvalidCursor`].
    pub async fn operations(
        &self,
        product: Uuid,
        page: PageRequest,
        after: Option<&str>,
    ) -> Result<rest::StockOperationPage, Error> {
        let before = read_cursor(after)?.map(i64::from_be_bytes);
        self.product(product, true).await?;
        let found = page.page(operations::list(&self.pool, product, before, page.limit()).await?);
        let (items, has_next_page) = found.items(
            |operation| operation.product_version.to_be_bytes().to_vec(),
            |cursor, operation| rest::StockOperationItem { cursor, operation },
        );
        Ok(rest::StockOperationPage { items, has_next_page })
    }

    /// A page of reservations, newest first.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`].
    pub async fn reservations(
        &self,
        page: PageRequest,
        request: &rest::ListReservations,
    ) -> Result<rest::ReservationPage, Error> {
        let before = read_cursor(request.after.as_deref())?.map(Uuid::from_bytes);
        let filter = reservations::Filter { status: request.status, saga: request.saga, before };
        let found = page.page(reservations::list(&self.pool, filter, page.limit()).await?);
        let (items, has_next_page) = found.items(
            |reservation| reservation.id.as_bytes().to_vec(),
            |cursor, reservation| rest::ReservationPageItem { cursor, reservation: reservation.into() },
        );
        Ok(rest::ReservationPage { items, has_next_page })
    }
}
