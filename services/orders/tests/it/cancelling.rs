//! Orders that are called off.

use crate::{app::TestApp, participants::Act};
use axum::http::StatusCode;
use contracts::{
    event::orders::CancelledBy,
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use serde_json::json;

#[tokio::test]
async fn a_pending_order_is_called_off_at_once_and_cancelled_when_all_is_undone() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Silent);
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    let path = format!("/v1/orders/{}/cancel", order.id);
    let body = json!({"reason": "changed my mind"});
    let asked: Order = app.ask("POST", &path, &buyer.token, Some(body.clone())).await.json(StatusCode::ACCEPTED);
    assert_eq!((asked.status, asked.cancelling, asked.version), (OrderStatus::Pending, true, 2));
    let again: Order = app.ask("POST", &path, &buyer.token, Some(body)).await.json(StatusCode::ACCEPTED);
    assert_eq!(again, asked);
    app.played.asked(order.id, "inventory.stock.release").await;
    assert!(app.order(&buyer, order.id).await.cancelling, "until it is undone");
    app.played.answer(order.id, "inventory.stock.release").await;
    let order = app.becomes(&buyer, order.id, OrderStatus::Cancelled).await;
    let why = order.cancellation.unwrap();
    assert_eq!((why.by, why.reason.as_deref(), order.cancelling), (CancelledBy::Buyer, Some("changed my mind"), false));
    let told = app.told(order.id, &["orders.order.placed", "orders.order.cancelled"]).await;
    assert_eq!((told[1].version, &told[1].data["was_confirmed"]), (2, &json!(false)));
    // Cancelled is cancelled.
    let after: Order = app.ask("POST", &path, &buyer.token, Some(json!({}))).await.json(StatusCode::ACCEPTED);
    assert_eq!(after.status, OrderStatus::Cancelled);
}

#[tokio::test]
async fn a_confirmed_order_is_refunded_released_and_cancelled() {
    let app = TestApp::new().await;
    let (buyer, rui) = (app.buyer().await, app.buyer().await);
    let order = app.confirmed(&buyer).await;
    let path = format!("/v1/orders/{}/cancel", order.id);
    app.ask("POST", &path, &rui.token, Some(json!({}))).await.problem(Code::NotFound);
    let long = json!({"reason": "x".repeat(501)});
    assert_eq!(app.ask("POST", &path, &buyer.token, Some(long)).await.refused(), ["reason"]);
    let asked: Order = app.ask("POST", &path, &app.operator, Some(json!({}))).await.json(StatusCode::ACCEPTED);
    assert!(asked.cancelling);
    let order = app.becomes(&buyer, order.id, OrderStatus::Cancelled).await;
    assert_eq!(order.cancellation.unwrap().by, CancelledBy::Operator);
    let expected =
        ["inventory.stock.reserve", "payments.payment.charge", "payments.payment.refund", "inventory.stock.release"];
    assert_eq!(app.played.kinds(order.id), expected);
    let told = app.told(order.id, &["orders.order.placed", "orders.order.confirmed", "orders.order.cancelled"]).await;
    assert_eq!(told[2].data["was_confirmed"], json!(true));
}

#[tokio::test]
async fn what_was_rejected_cannot_be_called_off() {
    let app = TestApp::new().await;
    app.played.act("reserve_stock", Act::Refuse("unknown_product"));
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    app.becomes(&buyer, order.id, OrderStatus::Rejected).await;
    let path = format!("/v1/orders/{}/cancel", order.id);
    let told = app.ask("POST", &path, &buyer.token, Some(json!({}))).await.problem(Code::Conflict);
    assert_eq!(told.detail.as_deref(), Some("An order that is rejected cannot be cancelled."));
}

#[tokio::test]
async fn an_operator_who_cancels_the_saga_cancels_the_order() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    let path = format!("/v1/sagas/{}/cancel", order.id);
    app.ask("POST", &path, &buyer.token, Some(json!({"reason": "fraud"}))).await.problem(Code::Forbidden);
    let answer = app.ask("POST", &path, &app.operator, Some(json!({"reason": "fraud"}))).await;
    assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    let order = app.becomes(&buyer, order.id, OrderStatus::Cancelled).await;
    assert_eq!(order.cancellation.unwrap().by, CancelledBy::Operator);
}
