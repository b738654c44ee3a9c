//! What tests of inventory do again and again.

pub(crate) use harness::{Answer, request, with};

use axum::http::StatusCode;
use contracts::rest::inventory::{Product, ReservationPage, Stock, StockChanged, StockRebuilt};
use harness::merged;
use inventory::{Service, app::Inventory};
use kit::Sandbox;
use serde_json::{Value, json};
use std::{ops::Deref, sync::Arc};
use uuid::Uuid;

pub(crate) struct TestApp(harness::TestApp<Service>);

impl Deref for TestApp {
    type Target = harness::TestApp<Service>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With the configuration changed.
    pub(crate) async fn with(changes: Value) -> Self {
        Self::on(Arc::new(Sandbox::of("inventory").await.unwrap()), changes).await
    }

    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> Self {
        let settings = merged(json!({"postgres": {"max_connections": 5}}), &changes);
        Self(harness::TestApp::on(sandbox, settings).await)
    }

    /// The use cases on the same database, to be called without the broker.
    pub(crate) fn inventory(&self) -> Inventory {
        Inventory::new(self.pool().clone().into(), self.config().reservations)
    }

    /// Asks as a user.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        self.as_user("GET", path, None).await
    }

    pub(crate) async fn create(&self, sku: &str) -> Product {
        let body = json!({"sku": sku, "name": format!("Camiseta {sku}"), "price": {"minor": 4990, "currency": "BRL"}});
        self.as_operator("POST", "/v1/products", Some(body)).await.json(StatusCode::CREATED)
    }

    /// A product of which so many pieces are there.
    pub(crate) async fn stocked(&self, sku: &str, pieces: u32) -> Product {
        let product = self.create(sku).await;
        let changed: StockChanged = self.change(product.id, "increase", pieces, sku).await.json(StatusCode::CREATED);
        assert_eq!(changed.stock.on_hand, Some(pieces.into()));
        product
    }

    pub(crate) async fn change(&self, product: Uuid, kind: &str, pieces: u32, key: &str) -> Answer {
        let body = json!({"kind": kind, "quantity": pieces, "reason": "inventário"});
        let path = format!("/v1/products/{product}/stock/operations");
        let asked = request("POST", &path, Some(&self.operator), Some(body));
        self.send(with(asked, "idempotency-key", key)).await
    }

    /// Pieces on hand, and pieces reserved.
    pub(crate) async fn stock(&self, product: Uuid) -> (i64, i64) {
        let path = format!("/v1/products/{product}/stock");
        let stock: Stock = self.as_operator("GET", &path, None).await.json(StatusCode::OK);
        assert_eq!(Some(stock.available), stock.on_hand.zip(stock.reserved).map(|(all, held)| all - held));
        stock.on_hand.zip(stock.reserved).unwrap()
    }

    /// The statuses of a saga's reservations.
    pub(crate) async fn statuses(&self, saga: Uuid) -> Vec<&'static str> {
        let path = format!("/v1/reservations?saga={saga}");
        let page: ReservationPage = self.as_operator("GET", &path, None).await.json(StatusCode::OK);
        page.items.iter().map(|item| item.reservation.status.into_str()).collect()
    }

    /// Nothing is stored that the operations do not say.
    pub(crate) async fn adds_up(&self) {
        for from in ["false", "true"] {
            let path = format!("/v1/stock/rebuild?from_snapshots={from}");
            let rebuilt: StockRebuilt = self.as_operator("POST", &path, None).await.json(StatusCode::OK);
            assert_eq!(rebuilt.differences, []);
        }
    }
}
