//! One orders in the test's own process, on databases of the test's own.

pub(crate) use kit::answer::{Answer, request, with};

use crate::participants::Participants;
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use chassis::{App, Context, config::Common, health::Health, http::Limits};
use chrono::Utc;
use contracts::{
    event::{inventory::ProductCreated, shortener::UrlCreated},
    money::{Currency, Money},
    rest::orders::{Customer, Order, OrderStatus},
};
use kit::{Issuer, Sandbox};
use orders::{Service, config::Config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use std::{net::SocketAddr, time::Duration};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// 32 bytes in base64.
pub(crate) const WRAPPING_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";
/// A product that costs 12.90 BRL, and another of 22.90.
pub(crate) const MUG: Uuid = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0001);
pub(crate) const SHIRT: Uuid = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0002);

pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) pool: PgPool,
    pub(crate) health: Health,
    pub(crate) played: Participants,
    /// An operator's token.
    pub(crate) operator: String,
    router: Router,
    shutdown: CancellationToken,
    // Last, so that it is dropped last.
    pub(crate) sandbox: Sandbox,
}

/// Somebody who buys.
pub(crate) struct Buyer {
    pub(crate) user: Uuid,
    pub(crate) token: String,
    pub(crate) customer: Customer,
    pub(crate) card: Uuid,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With sections of the configuration replaced. It knows two products.
    pub(crate) async fn with(changes: Value) -> Self {
        chassis::jwt::crypto::install();
        let sandbox = Sandbox::of("orders").await.unwrap();
        let (issuer, played) = (Issuer::start().await.unwrap(), Participants::new(&sandbox).await);
        // Before its queues are there: what was made before is known, too.
        for (id, name, minor) in [(MUG, "Caneca", 1_290), (SHIRT, "Camiseta", 2_290)] {
            played.tell(id, 1, product(id, name, Money::new(minor, Currency::BRL))).await;
        }
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let context =
            Context::new(common, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle());
        let served = App::serve::<Service>(config(&sandbox, &changes), context.clone()).await.unwrap();
        let router = chassis::http::full(served.router, &Limits::from(&context.common.http));
        let pool = PgPool::connect(sandbox.postgres("orders")).await.unwrap();
        let operator = issuer.token(Uuid::now_v7(), &["user", "operator"]);
        let Context { health, shutdown, .. } = context;
        let world = Self { sandbox, issuer, pool, health, played, operator, router, shutdown };
        world.eventually("the products to be known", "SELECT count(*) = 2 FROM products").await;
        world
    }

    /// Starts another process on the same databases, which ends with this world.
    pub(crate) async fn beside(&self, changes: Value) {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let mut context = Context::new(Common::default(), recorder.handle());
        context.shutdown = self.shutdown.child_token();
        App::serve::<Service>(config(&self.sandbox, &changes), context).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.stream(request).await).await
    }

    pub(crate) async fn stream(&self, mut request: Request<Body>) -> axum::response::Response {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.send(request(method, path, Some(token), body)).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> T {
        self.ask("GET", path, token, None).await.json(StatusCode::OK)
    }

    /// Waits until this is answered with 200; until then, with 503.
    pub(crate) async fn is_read(&self, token: &str, path: &str) {
        let read = async || match self.ask("GET", path, token, None).await {
            answer if answer.status == StatusCode::OK => Ok(Some(())),
            answer => {
                answer.problem(contracts::problem::Code::Unavailable);
                Ok(None)
            }
        };
        kit::eventually(PATIENCE, "connections that were cut off to be made again", read).await.unwrap();
    }

    /// A token of somebody new.
    pub(crate) fn stranger(&self) -> String {
        self.issuer.token(Uuid::now_v7(), &["user"])
    }

    /// Somebody new who can buy.
    pub(crate) async fn buyer(&self) -> Buyer {
        let user = Uuid::now_v7();
        let token = self.issuer.token(user, &["user"]);
        let customer: Customer = self.ask("PUT", "/v1/customer", &token, Some(ana())).await.json(StatusCode::CREATED);
        let card = customer.payment_methods[0].id;
        Buyer { user, token, customer, card }
    }

    pub(crate) async fn place(&self, buyer: &Buyer, key: &str, body: Value) -> Answer {
        let asked = request("POST", "/v1/orders", Some(&buyer.token), Some(body));
        self.send(with(asked, "idempotency-key", key)).await
    }

    /// Two mugs and a shirt.
    pub(crate) async fn buy(&self, buyer: &Buyer) -> Order {
        let key = Uuid::now_v7().to_string();
        self.place(buyer, &key, cart(buyer)).await.json(StatusCode::ACCEPTED)
    }

    pub(crate) async fn confirmed(&self, buyer: &Buyer) -> Order {
        let order = self.buy(buyer).await;
        self.becomes(buyer, order.id, OrderStatus::Confirmed).await
    }

    pub(crate) async fn order(&self, buyer: &Buyer, id: Uuid) -> Order {
        self.get(&format!("/v1/orders/{id}"), &buyer.token).await
    }

    pub(crate) async fn becomes(&self, buyer: &Buyer, id: Uuid, status: OrderStatus) -> Order {
        let what = format!("the order to be {}", status.into_str());
        let seen = kit::eventually(PATIENCE, &what, async || {
            let order = self.order(buyer, id).await;
            anyhow::ensure!(order.status == status, "it is {}", order.status.into_str());
            Ok(Some(order))
        });
        seen.await.unwrap()
    }

    /// Waits until all that was told of a subject has come.
    pub(crate) async fn told(&self, subject: Uuid, kinds: &[&str]) -> Vec<crate::participants::Seen> {
        let heard = kit::eventually(PATIENCE, "the events to be published", async || {
            let events = self.played.events(subject);
            let heard: Vec<_> = events.iter().map(|seen| seen.kind.as_str()).collect();
            anyhow::ensure!(heard == kinds, "heard {heard:?}");
            Ok(Some(events))
        });
        heard.await.unwrap()
    }

    pub(crate) async fn link(&self, code: &str, owner: Uuid) -> Uuid {
        let id = Uuid::now_v7();
        self.played.tell(id, 1, link(id, code, owner)).await;
        let known = format!("SELECT count(*) = 1 FROM links WHERE code = '{code}'");
        self.eventually("the link to be known", &known).await;
        id
    }

    /// Waits until a query of one boolean says so.
    pub(crate) async fn eventually(&self, what: &str, sql: &str) {
        let seen = async || {
            let said = sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await?;
            Ok(said.then_some(()))
        };
        kit::eventually(PATIENCE, what, seen).await.unwrap();
    }

    /// Waits until somebody waits for what another transaction holds.
    pub(crate) async fn until_somebody_waits(&self) {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let waits = async || Ok((self.count(waiting).await > 0).then_some(()));
        kit::eventually(PATIENCE, "somebody to wait", waits).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A customer's data as they are sent.
pub(crate) fn ana() -> Value {
    let address = json!({
        "street": "Rua Augusta", "number": "1500", "city": "São Paulo", "state": "SP",
        "zip_code": "01304-001", "country": "BR",
    });
    json!({
        "email": "Ana.Silva@exemplo.com", "document": "529.982.247-25", "full_name": "Ana Margarida Silva",
        "phone": "+55 11 98765-4321", "shipping_address": address,
        "payment_methods": [
            {"provider_token": "tok_visa_ana", "kind": "credit_card", "last_four": "4242", "expiry": "2039-12"},
            {"provider_token": "pix_key_ana", "kind": "pix"},
        ],
    })
}

/// Two mugs and a shirt: 48.70 BRL.
pub(crate) fn cart(buyer: &Buyer) -> Value {
    json!({
        "items": [{"product_id": MUG, "quantity": 2}, {"product_id": SHIRT, "quantity": 1}],
        "payment_method_id": buyer.card,
    })
}

pub(crate) fn product(id: Uuid, name: &str, price: Money) -> ProductCreated {
    let (sku, name) = (name.to_uppercase(), name.to_owned());
    ProductCreated { product_id: id, sku, name, description: None, price, active: true, at: Utc::now() }
}

pub(crate) fn link(id: Uuid, code: &str, owner: Uuid) -> UrlCreated {
    UrlCreated {
        url_id: id,
        short_code: code.to_owned(),
        original_url: "https://loja.example/".to_owned(),
        auth_user_id: owner,
        title: None,
        tags: Vec::new(),
        created_at: Utc::now(),
        expires_at: None,
    }
}

fn config(sandbox: &Sandbox, changes: &Value) -> Config {
    let mut config = json!({
        "postgres": {"url": sandbox.postgres("orders"), "max_connections": 8},
        "amqp": {"url": sandbox.amqp("orders")},
        "customers": {"encryption_key": WRAPPING_KEY},
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}
