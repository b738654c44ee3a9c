//! A Postgres that cannot do its work for the moment.

use crate::app::{TestApp, ana, cart};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use harness::PATIENCE;

const ONLY_READS: &str = "SET default_transaction_read_only = on";

#[tokio::test]
async fn while_postgres_only_reads_orders_are_read_and_changes_are_told_to_come_again() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    app.sandbox.alter_role("orders", ONLY_READS).await.unwrap();
    app.is_read_again(&format!("/v1/orders/{}", order.id), &buyer.token).await;
    for path in ["/v1/orders", "/v1/customer"] {
        assert_eq!(app.ask("GET", path, &buyer.token, None).await.status, StatusCode::OK, "{path}");
    }
    let cancel = format!("/v1/orders/{}/cancel", order.id);
    let refused = [
        app.place(&buyer, "key", cart(&buyer)).await,
        app.ask("PUT", "/v1/customer", &buyer.token, Some(ana())).await,
        app.ask("POST", &cancel, &buyer.token, Some(serde_json::json!({}))).await,
    ];
    for answer in refused {
        answer.problem(Code::Unavailable);
        assert!(answer.headers.contains_key("retry-after"));
    }

    app.sandbox.alter_role("orders", "RESET default_transaction_read_only").await.unwrap();
    let placed = kit::eventually(PATIENCE, "an order to be placed", async || {
        let answer = app.place(&buyer, "key", cart(&buyer)).await;
        Ok((answer.status != StatusCode::SERVICE_UNAVAILABLE).then_some(answer))
    });
    let placed: Order = placed.await.unwrap().json(StatusCode::ACCEPTED);
    app.becomes(&buyer, placed.id, OrderStatus::Confirmed).await;
}

#[tokio::test]
async fn without_a_connection_everything_is_told_to_come_again() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    app.sandbox.alter_role("orders", "CONNECTION LIMIT 0").await.unwrap();
    app.ask("GET", "/v1/orders", &buyer.token, None).await.problem(Code::Unavailable);
    app.place(&buyer, "key", cart(&buyer)).await.problem(Code::Unavailable);
}
