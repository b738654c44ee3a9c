//! One inventory in the test's own process, on databases of the test's own.

pub(crate) use kit::answer::{Answer, request, with};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use chassis::{App, Context, config::Common, health::Health, http::Limits};
use contracts::rest::inventory::{Product, ReservationPage, Stock, StockChanged, StockRebuilt};
use inventory::{Service, app::Inventory, config::Config};
use kit::{Issuer, Sandbox};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) issuer: Issuer,
    pub(crate) pool: PgPool,
    pub(crate) health: Health,
    /// An operator's token.
    pub(crate) operator: String,
    /// A user's token.
    pub(crate) user: String,
    router: Router,
    shutdown: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With sections of the configuration replaced.
    pub(crate) async fn with(changes: Value) -> Self {
        let sandbox = Sandbox::of("inventory").await.unwrap();
        Self::on(Arc::new(sandbox), changes).await
    }

    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> Self {
        chassis::jwt::crypto::install();
        let issuer = Issuer::start().await.unwrap();
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let context =
            Context::new(common, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle());
        let served = App::serve::<Service>(config(&sandbox, &changes), context.clone()).await.unwrap();
        let router = chassis::http::full(served.router, &Limits::from(&context.common.http));
        let pool = PgPool::connect(sandbox.postgres("inventory")).await.unwrap();
        let operator = issuer.token(Uuid::now_v7(), &["user", "operator"]);
        let user = issuer.token(Uuid::now_v7(), &["user"]);
        let Context { health, shutdown, .. } = context;
        Self { sandbox, issuer, pool, health, operator, user, router, shutdown }
    }

    /// The use cases on the same database, to be called without the broker.
    pub(crate) fn inventory(&self) -> Inventory {
        Inventory::new(self.pool.clone().into(), config(&self.sandbox, &json!({})).reservations)
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        // As if from the machine itself, which is trusted to say for whom it speaks.
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// Asks as an operator.
    pub(crate) async fn operate(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(request(method, path, Some(&self.operator), body)).await
    }

    /// Asks as a user.
    pub(crate) async fn look(&self, path: &str) -> Answer {
        self.send(request("GET", path, Some(&self.user), None)).await
    }

    pub(crate) async fn create(&self, sku: &str) -> Product {
        let body = json!({"sku": sku, "name": format!("Camiseta {sku}"), "price": {"minor": 4990, "currency": "BRL"}});
        self.operate("POST", "/v1/products", Some(body)).await.json(StatusCode::CREATED)
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
        let stock: Stock = self.operate("GET", &path, None).await.json(StatusCode::OK);
        assert_eq!(Some(stock.available), stock.on_hand.zip(stock.reserved).map(|(all, held)| all - held));
        stock.on_hand.zip(stock.reserved).unwrap()
    }

    /// The statuses of a saga's reservations.
    pub(crate) async fn statuses(&self, saga: Uuid) -> Vec<&'static str> {
        let path = format!("/v1/reservations?saga={saga}");
        let page: ReservationPage = self.operate("GET", &path, None).await.json(StatusCode::OK);
        page.items.iter().map(|item| item.reservation.status.into_str()).collect()
    }

    /// Nothing is stored that the operations do not say.
    pub(crate) async fn adds_up(&self) {
        for from in ["false", "true"] {
            let path = format!("/v1/stock/rebuild?from_snapshots={from}");
            let rebuilt: StockRebuilt = self.operate("POST", &path, None).await.json(StatusCode::OK);
            assert_eq!(rebuilt.differences, []);
        }
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) -> sqlx::Result<()> {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.map(drop)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn config(sandbox: &Sandbox, changes: &Value) -> Config {
    let mut config = json!({
        "postgres": {"url": sandbox.postgres("inventory"), "max_connections": 5},
        "amqp": {"url": sandbox.amqp("inventory")},
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}
