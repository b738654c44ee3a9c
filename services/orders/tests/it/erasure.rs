//! Erasure: nothing personal can be read afterwards, anywhere.

use crate::{
    app::{Buyer, TestApp, ana, cart},
    participants::Act,
};
use axum::http::StatusCode;
use contracts::{
    command::{Direction, Outcome, Replied, StepRef, accounts::EraseCustomer},
    event::orders::CancelledBy,
    problem::Code,
    rest::orders::{Customers, Order, OrderHistory, OrderStatus},
};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// What nobody may read of Ana any more: data, and her payment methods.
/// Without white space and quotes.
const PERSONAL: &[&str] = &[
    "exemplo",
    "ana.silva",
    "52998224725",
    "529.982",
    "Margarida",
    "11987654321",
    "Augusta",
    "01304-001",
    "tok_visa",
    "pix_key",
    "last_four:4242",
    "Teresa",
];

/// What she wrote when she called an order off.
const WORDS: &str = "My sister Teresa Silva has bought it already.";

/// Says what a saga of auth's says; gives the reply.
async fn erase(app: &TestApp, user: Uuid, saga_id: Uuid, attempt: u32) -> Replied {
    let reply_to = "auth.saga.replied".to_owned();
    let step = StepRef { saga_id, step: "erase_customer".to_owned(), direction: Direction::Forward, attempt, reply_to };
    let command = EraseCustomer { step: step.clone(), auth_user_id: user };
    app.played.command(&command).await;
    Replied { outcome: app.played.reply(&step).await, step }
}

fn done() -> Outcome {
    Outcome::Done { answer: Value::Null }
}

/// Every row of every table, as text: what is bytes, as base64 and as the bytes are.
async fn everything(app: &TestApp) -> String {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
         WHERE relkind = 'r' AND nspname NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut text = String::new();
    for table in tables {
        let rows = sqlx::query(AssertSqlSafe(format!("SELECT t::text AS row FROM {table} t")));
        for row in rows.fetch_all(app.pool()).await.unwrap() {
            text += &row.get::<String, _>("row");
        }
    }
    text.retain(|character| !matches!(character, '"' | '\\' | ' '));
    let hex = PERSONAL.iter().map(|word| word.bytes().map(|byte| format!("{byte:02x}")).collect::<String>());
    for word in hex {
        assert!(!text.contains(&word), "bytes hold {word}");
    }
    text
}

async fn bought(app: &TestApp) -> (Buyer, Order) {
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    (buyer, order)
}

/// An order that was called off, with a reason that only those read who may see the order.
async fn called_off(app: &TestApp, buyer: &Buyer) -> Uuid {
    let order = app.confirmed(buyer).await;
    let path = format!("/v1/orders/{}/cancel", order.id);
    let body = Some(json!({"reason": WORDS}));
    let asked: Order = app.ask("POST", &path, &buyer.token, body).await.json(StatusCode::ACCEPTED);
    assert_eq!(asked.cancellation.unwrap().reason.as_deref(), Some(WORDS));
    app.becomes(buyer, order.id, OrderStatus::Cancelled).await;
    assert_eq!(reasons(app, buyer, order.id).await, [WORDS, WORDS]);
    order.id
}

/// The reasons that an order's history tells.
async fn reasons(app: &TestApp, buyer: &Buyer, order: Uuid) -> Vec<Value> {
    let path = format!("/v1/orders/{order}/events");
    let history: OrderHistory = app.ask("GET", &path, &buyer.token, None).await.json(StatusCode::OK);
    history.events.into_iter().filter_map(|event| event.data.get("reason").cloned()).collect()
}

#[tokio::test]
async fn after_an_erasure_nothing_personal_can_be_read_and_the_history_stays() {
    let app = TestApp::new().await;
    let (buyer, order) = bought(&app).await;
    let other = app.buyer().await;
    let customer = buyer.customer.id;
    let called_off = called_off(&app, &buyer).await;
    // While an order is under way its buyer is needed.
    let first = Uuid::now_v7();
    let refused = erase(&app, buyer.user, first, 1).await;
    assert!(matches!(&refused.outcome, Outcome::Refused { code, .. } if code == "open_orders"));
    let ship = format!("/v1/orders/{}/ship", order.id);
    app.ask("POST", &ship, &app.operator, Some(json!({}))).await.json::<Order>(StatusCode::OK);
    assert!(matches!(erase(&app, buyer.user, Uuid::now_v7(), 1).await.outcome, Outcome::Refused { .. }));
    let deliver = format!("/v1/orders/{}/deliver", order.id);
    app.ask("POST", &deliver, &app.operator, None).await.json::<Order>(StatusCode::OK);

    // The saga that was refused has turned back: a late attempt of it erases nothing.
    assert_eq!(erase(&app, buyer.user, first, 2).await.outcome, refused.outcome);
    app.ask("GET", "/v1/customer", &buyer.token, None).await.json::<Value>(StatusCode::OK);

    let second = Uuid::now_v7();
    for (saga, attempt) in [(second, 1), (second, 2), (Uuid::now_v7(), 1)] {
        assert_eq!(erase(&app, buyer.user, saga, attempt).await.outcome, done());
    }
    let told = app.told(customer, &["orders.customer.created", "orders.customer.erased"]).await;
    assert_eq!(told[1].version, 2);

    let text = everything(&app).await;
    for word in PERSONAL {
        assert!(!text.contains(word), "{word} can be read");
    }
    let keys = format!("SELECT count(*) FROM customer_keys WHERE customer_id = '{customer}'");
    assert_eq!(app.count(&keys).await, 0);
    let means = format!("SELECT count(*) FROM payment_methods WHERE customer_id = '{customer}'");
    assert_eq!(app.count(&means).await, 0);

    for (method, path, body) in [
        ("GET", "/v1/customer".to_owned(), None),
        ("PUT", "/v1/customer".to_owned(), Some(ana())),
        ("GET", format!("/v1/customers/{customer}"), None),
    ] {
        app.ask(method, &path, &buyer.token, body).await.problem(Code::Erased);
    }
    let key = format!("/v1/customers/{customer}/key");
    app.ask("GET", &key, &app.issuer.service_token("invoices"), None).await.problem(Code::Erased);
    app.place(&buyer, "after", cart(&buyer)).await.problem(Code::Erased);
    let ids = Some(json!({"ids": [customer]}));
    let batch: Customers = app.ask("POST", "/v1/customers/batch", &app.operator, ids).await.json(StatusCode::OK);
    assert!(batch.customers.is_empty());
    // The orders' histories are whole, and others' data are.
    let why = app.order(&buyer, called_off).await.cancellation.unwrap();
    assert_eq!((why.by, why.reason), (CancelledBy::Buyer, None));
    assert_eq!(reasons(&app, &buyer, called_off).await, [Value::Null, Value::Null]);
    assert_eq!(app.order(&buyer, order.id).await.status, OrderStatus::Delivered);
    app.ask("GET", "/v1/customer", &other.token, None).await.json::<Value>(StatusCode::OK);
}

#[tokio::test]
async fn who_is_no_customer_is_erased_too_and_never_becomes_one() {
    let app = TestApp::new().await;
    let user = Uuid::now_v7();
    assert_eq!(erase(&app, user, Uuid::now_v7(), 1).await.outcome, done());
    let token = app.issuer.token(user, &["user"]);
    app.ask("PUT", "/v1/customer", &token, Some(ana())).await.problem(Code::Erased);
    assert_eq!(app.count("SELECT count(*) FROM customer_keys").await, 0);
}

#[tokio::test]
async fn the_saga_forgets_the_means_of_payment_however_it_ends() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    app.played.act("charge_payment", Act::Refuse("declined"));
    let order = app.buy(&buyer).await;
    app.becomes(&buyer, order.id, OrderStatus::Rejected).await;
    app.eventually("the outbox to empty", "SELECT count(*) = 0 FROM outbox").await;
    assert_eq!(erase(&app, buyer.user, Uuid::now_v7(), 1).await.outcome, done());
    let text = everything(&app).await;
    for word in PERSONAL {
        assert!(!text.contains(word), "{word} can be read");
    }
}
