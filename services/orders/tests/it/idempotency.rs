//! Requests that come again.

use crate::app::{MUG, TestApp, cart};
use axum::http::{HeaderMap, StatusCode};
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use harness::request;
use serde_json::json;
use std::collections::HashSet;

#[tokio::test]
async fn the_same_request_again_is_answered_alike_also_when_the_order_has_moved_on() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let first: Order = app.place(&buyer, "key", cart(&buyer)).await.json(StatusCode::ACCEPTED);
    app.becomes(&buyer, first.id, OrderStatus::Confirmed).await;
    let answer = app.place(&buyer, "key", cart(&buyer)).await;
    assert_eq!(answer.headers["location"], format!("/v1/orders/{}", first.id).as_str());
    assert_eq!(answer.json::<Order>(StatusCode::ACCEPTED), first);
    // Another body is another request, also one that nobody could take.
    for quantity in [3, 0] {
        let mut other = cart(&buyer);
        other["items"] = json!([{"product_id": MUG, "quantity": quantity}]);
        app.place(&buyer, "key", other).await.problem(Code::IdempotencyMismatch);
    }
    // Another's key is another key.
    let rui = app.buyer().await;
    let theirs: Order = app.place(&rui, "key", cart(&rui)).await.json(StatusCode::ACCEPTED);
    assert_ne!(theirs.id, first.id);
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 2);
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_places_an_order() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let asked = (0..12).map(|_| app.place(&buyer, "key", cart(&buyer)));
    let mut ids = HashSet::new();
    for answer in futures::future::join_all(asked).await {
        if answer.status == StatusCode::ACCEPTED {
            ids.insert(answer.json::<Order>(StatusCode::ACCEPTED).id);
        } else {
            answer.problem(Code::IdempotencyInProgress);
        }
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(app.count("SELECT count(*) FROM orders").await, 1);
    let again: Order = app.place(&buyer, "key", cart(&buyer)).await.json(StatusCode::ACCEPTED);
    assert!(ids.contains(&again.id));
}

#[tokio::test]
async fn while_the_first_is_under_way_the_next_is_told_so() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    // As the first one holds it, until it ends or its process does.
    let mut first = postgres::Db::from(app.pool().clone()).begin().await.unwrap();
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1::text || '/place-order/slow', 0))";
    sqlx::query(lock).bind(buyer.user).execute(&mut *first).await.unwrap();
    let answer = app.place(&buyer, "slow", cart(&buyer)).await;
    assert_eq!(answer.headers["retry-after"], "1");
    answer.problem(Code::IdempotencyInProgress);
    first.rollback().await.unwrap();
    app.place(&buyer, "slow", cart(&buyer)).await.json::<Order>(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_request_that_was_refused_may_be_mended_under_the_same_key() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let bad = json!({"items": [], "payment_method_id": buyer.card});
    assert_eq!(app.place(&buyer, "key", bad).await.refused(), ["items"]);
    app.place(&buyer, "key", cart(&buyer)).await.json::<Order>(StatusCode::ACCEPTED);
}

#[tokio::test]
async fn keys_are_forgotten_after_72_hours() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let placed: Order = app.place(&buyer, "old", cart(&buyer)).await.json(StatusCode::ACCEPTED);
    app.place(&buyer, "young", cart(&buyer)).await.json::<Order>(StatusCode::ACCEPTED);
    for (key, hours) in [("old", 73), ("young", 71)] {
        let age = "UPDATE idempotency_keys SET created_at = now() - make_interval(hours => $2) WHERE key = $1";
        sqlx::query(age).bind(key).bind(hours).execute(app.pool()).await.unwrap();
    }
    let purged = postgres::idempotency::purge(app.pool()).await.unwrap();
    assert_eq!(purged, 1);
    let again: Order = app.place(&buyer, "old", cart(&buyer)).await.json(StatusCode::ACCEPTED);
    assert_ne!(again.id, placed.id);
}

#[tokio::test]
async fn a_key_means_what_it_means_everywhere() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let send = async |headers: HeaderMap, is_other| {
        let mut body = cart(&buyer);
        if is_other {
            body["items"] = json!([{"product_id": MUG, "quantity": 1}]);
        }
        let mut asked = request("POST", "/v1/orders", Some(&buyer.token), Some(body));
        asked.headers_mut().extend(headers);
        app.send(asked).await
    };
    let orders = async || app.count("SELECT count(*) FROM orders").await;
    harness::idempotency::keys_are_kept(send, orders).await;
    let forget = async || {
        let age = "UPDATE idempotency_keys SET created_at = now() - interval '73 hours'";
        sqlx::query(age).execute(app.pool()).await.unwrap();
        postgres::idempotency::purge(app.pool()).await.unwrap();
    };
    harness::idempotency::keys_are_forgotten(send, orders, forget).await;
}
