//! Orders on their way to the buyer.

use crate::{participants::Act, world::World};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderStatus},
};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_confirmed_order_is_shipped_and_delivered_and_only_goes_forward() {
    let world = World::new().await;
    let buyer = world.buyer().await;
    let order = world.confirmed(&buyer).await;
    let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
    world.ask("POST", &path("deliver"), &world.operator, None).await.problem(Code::Conflict);
    let long = json!({"tracking_number": "x".repeat(65)});
    assert_eq!(world.ask("POST", &path("ship"), &world.operator, Some(long)).await.refused(), ["tracking_number"]);
    world.ask("POST", &path("ship"), &buyer.token, Some(json!({}))).await.problem(Code::Forbidden);
    // A carrier's number may look like a card's.
    let ship = async |number: &str| -> Order {
        let body = json!({"tracking_number": number});
        world.ask("POST", &path("ship"), &world.operator, Some(body)).await.json(StatusCode::OK)
    };
    let shipped = ship("4111111111111111").await;
    assert_eq!((shipped.status, shipped.version), (OrderStatus::Shipped, 3));
    assert_eq!(ship("4111111111111111").await, shipped);
    assert_eq!(ship("BR2").await.tracking_number.as_deref(), Some("BR2"));
    world.ask("POST", &path("cancel"), &buyer.token, Some(json!({}))).await.problem(Code::Conflict);
    let saga = format!("/v1/sagas/{}/cancel", order.id);
    world.ask("POST", &saga, &world.operator, Some(json!({"reason": "late"}))).await.problem(Code::Conflict);
    for _ in 0..2 {
        let delivered: Order = world.ask("POST", &path("deliver"), &world.operator, None).await.json(StatusCode::OK);
        assert_eq!((delivered.status, delivered.version), (OrderStatus::Delivered, 5));
    }
    world.ask("POST", &path("ship"), &world.operator, Some(json!({}))).await.problem(Code::Conflict);
    let expected = ["orders.order.placed", "orders.order.confirmed", "orders.order.shipped", "orders.order.delivered"];
    let told = world.told(order.id, &expected).await;
    // Others see no gap where something is nobody's business.
    assert_eq!(told.iter().map(|seen| seen.version).collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn what_is_not_confirmed_or_called_off_does_not_leave() {
    let world = World::new().await;
    world.played.act("charge_payment", Act::Silent);
    let buyer = world.buyer().await;
    let order = world.buy(&buyer).await;
    let ship = format!("/v1/orders/{}/ship", order.id);
    world.ask("POST", &ship, &world.operator, Some(json!({}))).await.problem(Code::Conflict);
    world.played.act("charge_payment", Act::Done);
    let order = world.confirmed(&buyer).await;
    world.played.act("charge_payment", Act::Silent);
    let path = |what: &str| format!("/v1/orders/{}/{what}", order.id);
    world.ask("POST", &path("cancel"), &buyer.token, Some(json!({}))).await.json::<Order>(StatusCode::ACCEPTED);
    let told = world.ask("POST", &path("ship"), &world.operator, Some(json!({}))).await.problem(Code::Conflict);
    assert_eq!(told.detail.as_deref(), Some("An order that is being cancelled cannot be shipped."));
    let nobody = format!("/v1/orders/{}/ship", Uuid::nil());
    world.ask("POST", &nobody, &world.operator, Some(json!({}))).await.problem(Code::NotFound);
}
