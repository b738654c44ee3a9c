//! Restocking, correcting, and the history of both.

use crate::world::{World, request};
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
    let world = World::new().await;
    let product = world.stocked("A", 10).await.id;
    let changed: StockChanged = world.change(product, "decrease", 4, "count").await.json(StatusCode::CREATED);
    assert_eq!(changed.stock, Stock { available: 6, on_hand: Some(6), reserved: Some(0) });
    assert_eq!((changed.operation.kind, changed.operation.product_version), (StockOperationKind::Decrease, 3));
    let seen: Stock = world.look(&format!("/v1/products/{product}/stock")).await.json(StatusCode::OK);
    assert_eq!(seen, Stock { available: 6, on_hand: None, reserved: None });

    let path = format!("/v1/products/{product}/stock/operations");
    let first: StockOperationPage = world.operate("GET", &format!("{path}?first=1"), None).await.json(StatusCode::OK);
    assert_eq!(first.items[0].operation, changed.operation);
    assert!(first.has_next_page);
    let rest = format!("{path}?first=1&after={}", first.items[0].cursor);
    let rest: StockOperationPage = world.operate("GET", &rest, None).await.json(StatusCode::OK);
    assert_eq!(rest.items[0].operation.kind, StockOperationKind::Increase);
    assert!(!rest.has_next_page);
}

#[tokio::test]
async fn no_more_can_be_taken_than_is_free() {
    let world = World::new().await;
    let product = world.stocked("A", 10).await.id;
    world.change(product, "decrease", 11, "too-many").await.problem(Code::Conflict);
    // The key of a refused request was not used up.
    let changed: StockChanged = world.change(product, "decrease", 10, "too-many").await.json(StatusCode::CREATED);
    assert_eq!(changed.stock.available, 0);
    world.change(product, "decrease", 1, "one-more").await.problem(Code::Conflict);
    assert_eq!(world.stock(product).await, (0, 0));
    world.adds_up().await;
}

#[tokio::test]
async fn a_request_with_the_same_key_is_done_once() {
    let world = World::new().await;
    let (product, other) = (world.create("A").await.id, world.create("B").await.id);
    let first: StockChanged = world.change(product, "increase", 5, "delivery-7").await.json(StatusCode::CREATED);
    let again: StockChanged = world.change(product, "increase", 5, "delivery-7").await.json(StatusCode::CREATED);
    assert_eq!(first, again);
    world.change(product, "increase", 6, "delivery-7").await.problem(Code::IdempotencyMismatch);
    world.change(other, "increase", 5, "delivery-7").await.problem(Code::IdempotencyMismatch);
    assert_eq!((world.stock(product).await, world.stock(other).await), ((5, 0), (0, 0)));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_at_once() {
    let world = World::new().await;
    let product = world.create("A").await.id;
    let path = format!("/v1/products/{product}/stock/operations");
    let body = json!({"kind": "increase", "quantity": 0, "reason": " "});
    let refused = world.send(request("POST", &path, Some(&world.operator), Some(body))).await.refused();
    assert_eq!(refused, ["quantity", "reason", "Idempotency-Key"]);
    world.change(product, "reserve", 1, "key").await.problem(Code::ValidationFailed);
    world.change(product, "increase", 1_000_001, "key").await.problem(Code::ValidationFailed);
    world.change(product, "increase", 1, &"k".repeat(256)).await.problem(Code::ValidationFailed);
    assert_eq!(world.count("SELECT count(*) FROM product_stock_operations").await, 0);
}

#[tokio::test]
async fn history_is_only_added_to_and_stock_never_below_zero_whoever_writes() {
    let world = World::new().await;
    let product = world.stocked("A", 5).await.id;
    for change in [
        "UPDATE product_stock_operations SET quantity = 50",
        "DELETE FROM product_stock_operations",
        "TRUNCATE product_stock_operations",
    ] {
        let refused = world.execute(change).await.unwrap_err();
        assert!(refused.to_string().contains("only added"), "{refused}");
    }
    for change in ["on_hand = -1", "reserved = -1", "reserved = 6"] {
        let refused = world.execute(&format!("UPDATE product_stock SET {change}")).await.unwrap_err();
        assert!(refused.to_string().contains("product_stock_is_never_below_zero"), "{refused}");
    }
    assert_eq!(world.stock(product).await, (5, 0));
}

#[tokio::test]
async fn state_and_event_are_written_together_or_not_at_all() {
    let world = World::new().await;
    let product = world.stocked("A", 5).await.id;
    // What comes before it in the transaction is good; the outbox takes no more.
    world.execute("ALTER TABLE outbox ADD CONSTRAINT closed CHECK (false) NOT VALID").await.unwrap();
    world.change(product, "increase", 5, "lost").await.problem(Code::Internal);
    let reserve = crate::saga::reserve(Uuid::now_v7(), 1, &[(product, 1)]);
    world.inventory().reserve(&[(reserve, Scope::current())]).await.unwrap_err();
    assert_eq!(world.stock(product).await, (5, 0));
    assert_eq!(world.count("SELECT count(*) FROM product_stock_operations").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM reservations").await, 0);
}

#[tokio::test]
async fn a_key_means_what_it_means_everywhere() {
    let world = World::new().await;
    let product = world.create("A").await.id;
    let path = format!("/v1/products/{product}/stock/operations");
    let send = async |headers: HeaderMap, is_other| {
        let body = json!({"kind": "increase", "quantity": if is_other { 2 } else { 1 }, "reason": "delivery"});
        let mut asked = request("POST", &path, Some(&world.operator), Some(body));
        asked.headers_mut().extend(headers);
        world.send(asked).await
    };
    let operations = async || world.count("SELECT count(*) FROM product_stock_operations").await;
    kit::idempotency::keys_are_kept(send, operations).await;
    let forget = async || {
        world.execute("UPDATE idempotency_keys SET created_at = now() - interval '73 hours'").await.unwrap();
        world.inventory().purge().await.unwrap();
    };
    kit::idempotency::keys_are_forgotten(send, operations, forget).await;
}

#[tokio::test]
async fn keys_from_before_the_shared_table_are_recognised() {
    let world = World::new().await;
    let product = world.create("A").await.id;
    let first: StockChanged = world.change(product, "increase", 5, "before").await.json(StatusCode::CREATED);
    // As the row was kept by an inventory from before.
    for undo in [
        "ALTER TABLE idempotency_keys RENAME COLUMN auth_user_id TO user_id",
        "ALTER TABLE idempotency_keys DROP COLUMN fingerprint, ADD COLUMN request text,
             ALTER COLUMN answer TYPE text USING answer::text",
    ] {
        world.execute(undo).await.unwrap();
    }
    let asked = json!([product, {"kind": "increase", "quantity": 5, "reason": "inventário"}]);
    let asked: (Uuid, ChangeStock) = serde_json::from_value(asked).unwrap();
    let asked = serde_json::to_string(&asked).unwrap().replace('\'', "''");
    world.execute(&format!("UPDATE idempotency_keys SET request = '{asked}'")).await.unwrap();
    let migration = include_str!("../../migrations/0005_idempotency.sql");
    sqlx::raw_sql(migration).execute(&world.pool).await.unwrap();
    let again: StockChanged = world.change(product, "increase", 5, "before").await.json(StatusCode::CREATED);
    assert_eq!(again, first);
    world.change(product, "increase", 6, "before").await.problem(Code::IdempotencyMismatch);
}
