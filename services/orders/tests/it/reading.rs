//! Orders are read: one, many, as they were, and what happened.

use crate::{app::TestApp, participants::Act};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{
    problem::Code,
    rest::orders::{Order, OrderHistories, OrderHistory, OrderPage, OrderStatus, Orders},
};
use serde_json::json;
use uuid::Uuid;

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[tokio::test]
async fn an_order_is_told_as_it_was_at_any_moment() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let placed = app.buy(&buyer).await;
    let confirmed = app.becomes(&buyer, placed.id, OrderStatus::Confirmed).await;
    let path = format!("/v1/orders/{}/ship", placed.id);
    let body = json!({"tracking_number": "BR1"});
    let shipped: Order = app.ask("POST", &path, &app.operator, Some(body)).await.json(StatusCode::OK);
    let at = async |at: DateTime<Utc>| -> Order {
        app.get(&format!("/v1/orders/{}?at={}", placed.id, moment(at)), &buyer.token).await
    };
    let instant = TimeDelta::microseconds(1);
    assert_eq!(at(placed.placed_at).await, placed);
    assert_eq!(at(confirmed.updated_at - instant).await, placed);
    assert_eq!(at(confirmed.updated_at).await, confirmed);
    assert_eq!(at(shipped.updated_at).await, shipped);
    assert_eq!(at(Utc::now() + TimeDelta::days(1)).await, shipped);
    let before = format!("/v1/orders/{}?at={}", placed.id, moment(placed.placed_at - instant));
    app.ask("GET", &before, &buyer.token, None).await.problem(Code::NotFound);
    let nonsense = format!("/v1/orders/{}?at=yesterday", placed.id);
    assert_eq!(app.ask("GET", &nonsense, &buyer.token, None).await.refused(), ["at"]);
}

#[tokio::test]
async fn orders_are_their_buyers_and_operators() {
    let app = TestApp::new().await;
    let (ana, rui) = (app.buyer().await, app.buyer().await);
    let order = app.confirmed(&ana).await;
    for path in ["", "?at=2030-01-01T00:00:00Z", "/events", "/changes"] {
        let path = format!("/v1/orders/{}{path}", order.id);
        app.ask("GET", &path, &rui.token, None).await.problem(Code::NotFound);
        let nobody = path.replace(&order.id.to_string(), &Uuid::nil().to_string());
        app.ask("GET", &nobody, &app.operator, None).await.problem(Code::NotFound);
    }
    assert_eq!(app.get::<Order>(&format!("/v1/orders/{}", order.id), &app.operator).await, order);
    let history: OrderHistory = app.get(&format!("/v1/orders/{}/events", order.id), &ana.token).await;
    let told: Vec<_> = history.events.iter().map(|event| (event.version, &*event.kind)).collect();
    assert_eq!(told, [(1, "placed"), (2, "confirmed")]);
    assert_eq!(history.events[0].at, order.placed_at);
    assert_eq!(history.events[0].data["total"], json!({"minor": 4_870, "currency": "BRL"}));
    let ids = json!({"ids": [order.id, Uuid::nil()]});
    for (token, expected) in [(&ana.token, 1), (&rui.token, 0), (&app.operator, 1)] {
        let batch: Orders = app.ask("POST", "/v1/orders/batch", token, Some(ids.clone())).await.json(StatusCode::OK);
        assert_eq!(batch.orders.len(), expected);
        let batch = app.ask("POST", "/v1/orders/events/batch", token, Some(ids.clone())).await;
        assert_eq!(batch.json::<OrderHistories>(StatusCode::OK).histories.len(), expected);
    }
    let many = json!({"ids": vec![Uuid::nil(); 101]});
    assert_eq!(app.ask("POST", "/v1/orders/batch", &ana.token, Some(many)).await.refused(), ["ids"]);
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_and_hold_only_the_caller_s() {
    let app = TestApp::new().await;
    let (ana, rui) = (app.buyer().await, app.buyer().await);
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(app.confirmed(&ana).await.id);
        app.buy(&rui).await;
    }
    app.played.act("reserve_stock", Act::Refuse("out_of_stock"));
    let rejected = app.buy(&ana).await.id;
    app.becomes(&ana, rejected, OrderStatus::Rejected).await;
    placed.push(rejected);
    placed.reverse();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page: OrderPage = app.get(&format!("/v1/orders?first=4{after}"), &ana.token).await;
        seen.extend(page.items.iter().map(|edge| edge.order.id));
        if !page.has_next_page {
            break;
        }
        after = format!("&after={}", page.items.last().unwrap().cursor);
    }
    assert_eq!(seen, placed);
    let page: OrderPage = app.get("/v1/orders?status=rejected", &ana.token).await;
    assert_eq!(page.items.iter().map(|edge| edge.order.id).collect::<Vec<_>>(), [rejected]);
    let page: OrderPage = app.get("/v1/orders", &app.operator).await;
    assert!(page.items.is_empty(), "an operator's own orders are none");
    app.ask("GET", "/v1/orders?after=nonsense", &ana.token, None).await.problem(Code::InvalidCursor);
    for query in ["first=0", "first=101", "status=gone", "firsts=1"] {
        let answer = app.ask("GET", &format!("/v1/orders?{query}"), &ana.token, None).await;
        answer.problem(Code::ValidationFailed);
    }
}
