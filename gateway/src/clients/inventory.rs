//! Calls to inventory: products and their stock.

use super::{Client, Inventory, ServiceError, with_query};
use contracts::problem::Code;
use contracts::rest::inventory::{
    ChangeStock, CreateProduct, ListProducts, Product, ProductPage, Products, ProductsBatch, StockChanged,
    UpdateProduct,
};
use http::Method;
use uuid::Uuid;

impl Client<'_, Inventory> {
    /// Returns a product that the user may see.
    pub async fn product(&self, id: Uuid) -> Result<Option<Product>, ServiceError> {
        self.find(format!("/v1/products/{id}")).await
    }

    pub async fn products(&self, wanted: &ListProducts) -> Result<ProductPage, ServiceError> {
        let first = wanted.first.map(|first| first.to_string());
        let pairs =
            [("first", first.as_deref()), ("after", wanted.after.as_deref()), ("search", wanted.search.as_deref())];
        self.read(self.get(with_query("/v1/products", &pairs)?)).await
    }

    /// Returns the products that the user may see.
    pub async fn products_by_id(&self, ids: Vec<Uuid>) -> Result<Vec<Product>, ServiceError> {
        let found: Products = self.look_up("/v1/products/batch", &ProductsBatch { ids }).await?;
        Ok(found.items)
    }

    /// Not retried: the second response would say that the SKU is taken.
    pub async fn create(&self, product: &CreateProduct) -> Result<Product, ServiceError> {
        self.read(self.send_json(Method::POST, "/v1/products", product)?).await
    }

    pub async fn update(&self, id: Uuid, changes: &UpdateProduct) -> Result<Product, ServiceError> {
        self.read(self.send_json(Method::PATCH, format!("/v1/products/{id}"), changes)?).await
    }

    /// Retried, because of the key.
    pub async fn change_stock(&self, id: Uuid, change: &ChangeStock, key: &str) -> Result<StockChanged, ServiceError> {
        self.send_once(format!("/v1/products/{id}/stock/operations"), change, key, "idempotencyKey").await
    }
}

pub fn no_product() -> ServiceError {
    ServiceError::own(Code::NotFound, "There is no such product.")
}
