//! Confirmed orders: told once, twice, late, and about what is gone.

use crate::{
    app::TestApp,
    saga::{self, Orders, done, reserved},
};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::{
    envelope::EventData,
    event::orders::OrderConfirmed,
    problem::Code,
    rest::inventory::{Reservation, ReservationPage, ReservationStatus, StockChanged},
};
use harness::PATIENCE;
use uuid::Uuid;

/// Waits until so many events of orders were handled.
async fn handled(app: &TestApp, count: i64) {
    let seen = kit::eventually(PATIENCE, "the confirmations to be handled", async || {
        Ok((app.count("SELECT count(*) FROM inbox WHERE consumer = 'inventory.orders'").await == count).then_some(()))
    });
    seen.await.unwrap();
}

#[tokio::test]
async fn a_confirmation_that_comes_twice_counts_once() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 2)]).await);
    let event = orders.confirm(saga).await;
    orders.event(event).await;
    // As if made anew by a producer that forgot: another id, the same order.
    orders.confirm(saga).await;
    handled(&app, 2).await;
    assert_eq!(app.stock(shirt).await, (3, 0));
    app.adds_up().await;
}

#[tokio::test]
async fn a_confirmation_after_the_undoing_changes_nothing() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let (released, buried) = (Uuid::now_v7(), Uuid::now_v7());
    reserved(&orders.reserve(released, 1, &[(shirt, 2)]).await);
    done(&orders.release(released, 1).await);
    done(&orders.release(buried, 1).await);
    orders.confirm(released).await;
    orders.confirm(buried).await;
    orders.confirm(Uuid::now_v7()).await;
    handled(&app, 3).await;
    assert_eq!(app.stock(shirt).await, (5, 0));
    assert_eq!(app.statuses(released).await, ["released"]);
    assert_eq!(app.statuses(buried).await, ["tombstone"]);
}

/// Two orders of three pieces each expire and are confirmed late; of five pieces two are left, and the second order is
/// short.
async fn second_is_short(app: &TestApp, orders: &Orders, shirt: Uuid) -> (Uuid, Uuid) {
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    for order in [first, second] {
        reserved(&orders.reserve(order, 1, &[(shirt, 3)]).await);
        assert_eq!(app.inventory().expire(Utc::now() + TimeDelta::hours(1), DateTime::UNIX_EPOCH).await.unwrap(), 1);
    }
    orders.confirm(first).await;
    handled(app, 1).await;
    assert_eq!(app.stock(shirt).await, (2, 0));
    orders.confirm(second).await;
    handled(app, 2).await;
    assert_eq!(app.stock(shirt).await, (2, 0), "never below zero");
    assert_eq!(app.statuses(second).await, ["short"]);
    (first, second)
}

#[tokio::test]
async fn what_is_short_leaves_once_it_is_restocked() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let (first, second) = second_is_short(&app, &orders, shirt).await;
    let listed: ReservationPage = app.as_operator("GET", "/v1/reservations", None).await.json(StatusCode::OK);
    let of = |order| listed.items.iter().find(|item| item.reservation.saga_id == order).unwrap().reservation.id;
    let path = |order| format!("/v1/reservations/{}/fulfil", of(order));
    app.as_operator("POST", &path(second), None).await.problem(Code::Conflict);
    assert_eq!(app.stock(shirt).await, (2, 0));

    app.change(shirt, "increase", 1, "restock").await.json::<StockChanged>(StatusCode::CREATED);
    for _ in 0..2 {
        let left: Reservation = app.as_operator("POST", &path(second), None).await.json(StatusCode::OK);
        assert_eq!(left.status, ReservationStatus::Fulfilled);
    }
    assert_eq!(app.stock(shirt).await, (0, 0));
    app.adds_up().await;
    // Only what is short is for operators to decide on.
    done(&orders.release(first, 1).await);
    app.as_operator("POST", &path(first), None).await.problem(Code::Conflict);
    assert_eq!(app.stock(shirt).await, (3, 0));
}

#[tokio::test]
async fn an_expired_order_takes_its_pieces_again_while_there_are_some() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let (first, second) = second_is_short(&app, &orders, shirt).await;
    assert_eq!(app.statuses(first).await, ["fulfilled"]);

    // Operators find it, and it can be undone like any other.
    let path = "/v1/reservations?status=short";
    let listed: serde_json::Value = app.as_operator("GET", path, None).await.json(StatusCode::OK);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["reservation"]["saga_id"], second.to_string());
    done(&orders.release(second, 1).await);
    assert_eq!(app.statuses(second).await, ["released"]);
    assert_eq!(app.stock(shirt).await, (2, 0));
    app.adds_up().await;
}

#[tokio::test]
async fn an_expired_order_that_was_undone_takes_nothing_when_it_is_confirmed_late() {
    let app = TestApp::new().await;
    let orders = Orders::new(&app.sandbox).await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    app.inventory().expire(Utc::now() + TimeDelta::hours(1), DateTime::UNIX_EPOCH).await.unwrap();
    done(&orders.release(saga, 1).await);
    orders.confirm(saga).await;
    handled(&app, 1).await;
    assert_eq!(app.stock(shirt).await, (5, 0));
}

#[test]
fn the_event_is_the_one_that_is_subscribed_to() {
    assert_eq!(saga::confirmed(Uuid::nil()).kind, OrderConfirmed::TYPE);
}
