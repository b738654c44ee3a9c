//! What tests of orders do again and again.

pub(crate) use harness::{Answer, request, with};

use crate::participants::Participants;
use axum::http::StatusCode;
use chrono::Utc;
use contracts::{
    event::{inventory::ProductCreated, shortener::UrlCreated},
    money::{Currency, Money},
    rest::orders::{Customer, Order, OrderStatus},
};
use harness::{PATIENCE, merged};
use kit::Sandbox;
use orders::Service;
use serde_json::{Value, json};
use std::{ops::Deref, sync::Arc};
use uuid::Uuid;

/// 32 bytes in base64.
pub(crate) const WRAPPING_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";
/// A product that costs 12.90 BRL, and another of 22.90.
pub(crate) const MUG: Uuid = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0001);
pub(crate) const SHIRT: Uuid = Uuid::from_u128(0x0193_a3c0_0000_7000_8000_0000_0000_0002);

pub(crate) struct TestApp {
    pub(crate) played: Participants,
    app: harness::TestApp<Service>,
}

impl Deref for TestApp {
    type Target = harness::TestApp<Service>;

    fn deref(&self) -> &Self::Target {
        &self.app
    }
}

/// Somebody who buys.
pub(crate) struct Buyer {
    pub(crate) user: Uuid,
    pub(crate) token: String,
    pub(crate) customer: Customer,
    pub(crate) card: Uuid,
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With the configuration changed. It knows two products.
    pub(crate) async fn with(changes: Value) -> Self {
        let sandbox = Arc::new(Sandbox::of("orders").await.unwrap());
        let played = Participants::new(&sandbox).await;
        // Before its queues are there: what was made before is known, too.
        for (id, name, minor) in [(MUG, "Caneca", 1_290), (SHIRT, "Camiseta", 2_290)] {
            played.tell(id, 1, product(id, name, Money::new(minor, Currency::BRL))).await;
        }
        let settings = json!({"postgres": {"max_connections": 8}, "customers": {"encryption_key": WRAPPING_KEY}});
        let app = harness::TestApp::on(sandbox, merged(settings, &changes)).await;
        app.eventually("the products to be known", "SELECT count(*) = 2 FROM products").await;
        Self { played, app }
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
