//! Restocking, correcting, and the history of both.

use crate::app::{TestApp, request};
use axum::http::{HeaderMap, StatusCode};
use chassis::Scope;
use contracts::{
    problem::Code,
    rest::inventory::{ChangeStock, Stock, StockChanged, StockOperationKind, StockOperationPage},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn operators_add_and_take_and_users_see_what_is_free() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 10).await.id;
    let changed: StockChanged = app.change(product, "decrease", 4, "count").await.json(StatusCode::CREATED);
    assert_eq!(changed.stock, Stock { available: 6, on_hand: Some(6), reserved: Some(0) });
    assert_eq!((changed.operation.kind, changed.operation.product_version), (StockOperationKind::Decrease, 3));
    let seen: Stock = app.look(&format!("/v1/products/{product}/stock")).await.json(StatusCode::OK);
    assert_eq!(seen, Stock { available: 6, on_hand: None, reserved: None });

    let path = format!("/v1/products/{product}/stock/operations");
    let first: StockOperationPage = app.as_operator("GET", &format!("{path}?first=1"), None).await.json(StatusCode::OK);
    assert_eq!(first.items[0].operation, changed.operation);
    assert!(first.has_next_page);
    let rest = format!("{path}?first=1&after={}", first.items[0].cursor);
    let rest: StockOperationPage = app.as_operator("GET", &rest, None).await.json(StatusCode::OK);
    assert_eq!(rest.items[0].operation.kind, StockOperationKind::Increase);
    assert!(!rest.has_next_page);
}

#[tokio::test]
async fn no_more_can_be_taken_than_is_free() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 10).await.id;
    app.change(product, "decrease", 11, "too-many").await.problem(Code::Conflict);
    // The key of a refused request was not used up.
    let changed: StockChanged = app.change(product, "decrease", 10, "too-many").await.json(StatusCode::CREATED);
    assert_eq!(changed.stock.available, 0);
    app.change(product, "decrease", 1, "one-more").await.problem(Code::Conflict);
    assert_eq!(app.stock(product).await, (0, 0));
    app.adds_up().await;
}

#[tokio::test]
async fn a_request_with_the_same_key_is_done_once() {
    let app = TestApp::new().await;
    let (product, other) = (app.create("A").await.id, app.create("B").await.id);
    let first: StockChanged = app.change(product, "increase", 5, "delivery-7").await.json(StatusCode::CREATED);
    let again: StockChanged = app.change(product, "increase", 5, "delivery-7").await.json(StatusCode::CREATED);
    assert_eq!(first, again);
    app.change(product, "increase", 6, "delivery-7").await.problem(Code::IdempotencyMismatch);
    app.change(other, "increase", 5, "delivery-7").await.problem(Code::IdempotencyMismatch);
    assert_eq!((app.stock(product).await, app.stock(other).await), ((5, 0), (0, 0)));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_at_once() {
    let app = TestApp::new().await;
    let product = app.create("A").await.id;
    let path = format!("/v1/products/{product}/stock/operations");
    let body = json!({"kind": "increase", "quantity": 0, "reason": " "});
    let refused = app.send(request("POST", &path, Some(&app.operator), Some(body))).await.refused();
    assert_eq!(refused, ["quantity", "reason", "Idempotency-Key"]);
    app.change(product, "reserve", 1, "key").await.problem(Code::ValidationFailed);
    app.change(product, "increase", 1_000_001, "key").await.problem(Code::ValidationFailed);
    app.change(product, "increase", 1, &"k".repeat(256)).await.problem(Code::ValidationFailed);
    assert_eq!(app.count("SELECT count(*) FROM product_stock_operations").await, 0);
}

#[tokio::test]
async fn history_is_only_added_to_and_stock_never_below_zero_whoever_writes() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 5).await.id;
    for change in [
        "UPDATE product_stock_operations SET quantity = 50",
        "DELETE FROM product_stock_operations",
        "TRUNCATE product_stock_operations",
    ] {
        let refused = harness::sql::execute(app.pool(), change).await.unwrap_err();
        assert!(refused.to_string().contains("only added"), "{refused}");
    }
    for change in ["on_hand = -1", "reserved = -1", "reserved = 6"] {
        let refused =
            harness::sql::execute(app.pool(), &format!("UPDATE product_stock SET {change}")).await.unwrap_err();
        assert!(refused.to_string().contains("product_stock_is_never_below_zero"), "{refused}");
    }
    assert_eq!(app.stock(product).await, (5, 0));
}

#[tokio::test]
async fn state_and_event_are_written_together_or_not_at_all() {
    let app = TestApp::new().await;
    let product = app.stocked("A", 5).await.id;
    // What comes before it in the transaction is good; the outbox takes no more.
    app.execute("ALTER TABLE outbox ADD CONSTRAINT closed CHECK (false) NOT VALID").await;
    app.change(product, "increase", 5, "lost").await.problem(Code::Internal);
    let reserve = crate::saga::reserve(Uuid::now_v7(), 1, &[(product, 1)]);
    app.inventory().reserve(&[(reserve, Scope::current())]).await.unwrap_err();
    assert_eq!(app.stock(product).await, (5, 0));
    assert_eq!(app.count("SELECT count(*) FROM product_stock_operations").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM reservations").await, 0);
}

#[tokio::test]
async fn a_key_means_what_it_means_everywhere() {
    let app = TestApp::new().await;
    let product = app.create("A").await.id;
    let path = format!("/v1/products/{product}/stock/operations");
    let send = async |headers: HeaderMap, is_other| {
        let body = json!({"kind": "increase", "quantity": if is_other { 2 } else { 1 }, "reason": "delivery"});
        let mut asked = request("POST", &path, Some(&app.operator), Some(body));
        asked.headers_mut().extend(headers);
        app.send(asked).await
    };
    let operations = async || app.count("SELECT count(*) FROM product_stock_operations").await;
    harness::idempotency::keys_are_kept(send, operations).await;
    let forget = async || {
        app.execute("UPDATE idempotency_keys SET created_at = now() - interval '73 hours'").await;
        app.inventory().purge().await.unwrap();
    };
    harness::idempotency::keys_are_forgotten(send, operations, forget).await;
}

#[tokio::test]
async fn keys_from_before_the_shared_table_are_recognised() {
    let app = TestApp::new().await;
    let product = app.create("A").await.id;
    let first: StockChanged = app.change(product, "increase", 5, "before").await.json(StatusCode::CREATED);
    // As the row was kept by an inventory from before.
    for undo in [
        "ALTER TABLE idempotency_keys RENAME COLUMN auth_user_id TO user_id",
        "ALTER TABLE idempotency_keys DROP COLUMN fingerprint, ADD COLUMN request text,
             ALTER COLUMN answer TYPE text USING answer::text",
    ] {
        app.execute(undo).await;
    }
    let asked = json!([product, {"kind": "increase", "quantity": 5, "reason": "inventário"}]);
    let asked: (Uuid, ChangeStock) = serde_json::from_value(asked).unwrap();
    let asked = serde_json::to_string(&asked).unwrap().replace('\'', "''");
    app.execute(&format!("UPDATE idempotency_keys SET request = '{asked}'")).await;
    let migration = include_str!("../../migrations/0005_idempotency.sql");
    sqlx::raw_sql(migration).execute(app.pool()).await.unwrap();
    let again: StockChanged = app.change(product, "increase", 5, "before").await.json(StatusCode::CREATED);
    assert_eq!(again, first);
    app.change(product, "increase", 6, "before").await.problem(Code::IdempotencyMismatch);
}
