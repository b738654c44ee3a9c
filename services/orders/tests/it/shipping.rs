//! Orders on their way to the buyer.

use crate::{app::TestApp, participants::Act};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_confirmed_order_is_shipped_and_delivered_and_only_goes_forward() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
    app.ask("POST", &path("deliver"), &app.operator, None).await.problem(Code::Conflict);
    let long = json!({"tracking_number": "x".repeat(65)});
    assert_eq!(app.ask("POST", &path("ship"), &app.operator, Some(long)).await.refused(), ["tracking_number"]);
    app.ask("POST", &path("ship"), &buyer.token, Some(json!({}))).await.problem(Code::Forbidden);
    // A carrier's number may look like a card's.
    let ship = async |number: &str| -> Order {
        let body = json!({"tracking_number": number});
        app.ask("POST", &path("ship"), &app.operator, Some(body)).await.json(StatusCode::OK)
    };
    let shipped = ship("4111111111111111").await;
    assert_eq!((shipped.status, shipped.version), (OrderStatus::Shipped, 3));
    assert_eq!(ship("4111111111111111").await, shipped);
    assert_eq!(ship("BR2").await.tracking_number.as_deref(), Some("BR2"));
    app.ask("POST", &path("cancel"), &buyer.token, Some(json!({}))).await.problem(Code::Conflict);
    let saga = format!("/v1/sagas/{}/cancel", order.id);
    app.ask("POST", &saga, &app.operator, Some(json!({"reason": "late"}))).await.problem(Code::Conflict);
    for _ in 0..2 {
        let delivered: Order = app.ask("POST", &path("deliver"), &app.operator, None).await.json(StatusCode::OK);
        assert_eq!((delivered.status, delivered.version), (OrderStatus::Delivered, 5));
    }
    app.ask("POST", &path("ship"), &app.operator, Some(json!({}))).await.problem(Code::Conflict);
    let expected = ["orders.order.placed", "orders.order.confirmed", "orders.order.shipped", "orders.order.delivered"];
    let told = app.told(order.id, &expected).await;
    // Others see no gap where something is nobody's business.
    assert_eq!(told.iter().map(|seen| seen.version).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_not_confirmed_or_called_off_does_not_leave() {
    let app = TestApp::new().await;
    app.played.act("charge_payment", Act::Silent);
    let buyer = app.buyer().await;
    let order = app.buy(&buyer).await;
    let ship = format!("/v1/orders/{}/ship", order.id);
    app.ask("POST", &ship, &app.operator, Some(json!({}))).await.problem(Code::Conflict);
    app.played.act("charge_payment", Act::Done);
    let order = app.confirmed(&buyer).await;
    app.played.act("charge_payment", Act::Silent);
    let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
    app.ask("POST", &path("cancel"), &buyer.token, Some(json!({}))).await.json::<Order>(StatusCode::ACCEPTED);
    let told = app.ask("POST", &path("ship"), &app.operator, Some(json!({}))).await.problem(Code::Conflict);
    assert_eq!(told.detail.as_deref(), Some("An order that is being cancelled cannot be shipped."));
    let nobody = format!("/v1/orders/{}/ship", Uuid::nil());
    app.ask("POST", &nobody, &app.operator, Some(json!({}))).await.problem(Code::NotFound);
}
