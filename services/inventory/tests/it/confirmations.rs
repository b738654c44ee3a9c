//! Confirmed orders: told once, twice, late, and about what is gone.

use crate::{
    saga::{self, Orders, done, reserved},
    world::{PATIENCE, World},
};
use chassis::messaging::Outgoing;
use chrono::{TimeDelta, Utc};
use contracts::envelope::EventData;
use contracts::event::orders::OrderConfirmed;
use uuid::Uuid;

/// Waits until so many events of orders were handled.
async fn handled(world: &World, count: i64) {
    let seen = kit::eventually(PATIENCE, "the confirmations to be handled", async || {
        Ok((world.count("SELECT count(*) FROM inbox WHERE consumer = 'inventory.orders'").await == count).then_some(()))
    });
    seen.await.unwrap();
}

#[tokio::test]
async fn a_confirmation_that_comes_twice_counts_once() {
    let world = World::new().await;
    let orders = Orders::new(&world.sandbox).await;
    let shirt = world.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 2)]).await);
    let event = orders.confirm(saga).await;
    orders.send(Outgoing::event(event).unwrap()).await;
    // As if made anew by a producer that forgot: another id, the same order.
    orders.confirm(saga).await;
    handled(&world, 2).await;
    assert_eq!(world.stock(shirt).await, (3, 0));
    world.adds_up().await;
}

#[tokio::test]
async fn a_confirmation_after_the_undoing_changes_nothing() {
    let world = World::new().await;
    let orders = Orders::new(&world.sandbox).await;
    let shirt = world.stocked("SHIRT", 5).await.id;
    let (released, buried) = (Uuid::now_v7(), Uuid::now_v7());
    reserved(&orders.reserve(released, 1, &[(shirt, 2)]).await);
    done(&orders.release(released, 1).await);
    done(&orders.release(buried, 1).await);
    orders.confirm(released).await;
    orders.confirm(buried).await;
    orders.confirm(Uuid::now_v7()).await;
    handled(&world, 3).await;
    assert_eq!(world.stock(shirt).await, (5, 0));
    assert_eq!(world.statuses(released).await, ["released"]);
    assert_eq!(world.statuses(buried).await, ["tombstone"]);
}

#[tokio::test]
async fn an_expired_order_takes_its_pieces_again_while_there_are_some() {
    let world = World::new().await;
    let orders = Orders::new(&world.sandbox).await;
    let shirt = world.stocked("SHIRT", 5).await.id;
    let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
    reserved(&orders.reserve(first, 1, &[(shirt, 3)]).await);
    assert_eq!(world.inventory().expire(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 1);
    reserved(&orders.reserve(second, 1, &[(shirt, 3)]).await);
    assert_eq!(world.inventory().expire(Utc::now() + TimeDelta::hours(1)).await.unwrap(), 1);
    orders.confirm(first).await;
    handled(&world, 1).await;
    assert_eq!(world.stock(shirt).await, (2, 0));
    orders.confirm(second).await;
    handled(&world, 2).await;
    assert_eq!(world.stock(shirt).await, (2, 0), "never below zero");
    assert_eq!(world.statuses(first).await, ["fulfilled"]);
    assert_eq!(world.statuses(second).await, ["short"]);

    // Operators find it, and it can be undone like any other.
    let path = "/v1/reservations?status=short";
    let listed: serde_json::Value = world.operate("GET", path, None).await.json(axum::http::StatusCode::OK);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["reservation"]["saga_id"], second.to_string());
    done(&orders.release(second, 1).await);
    assert_eq!(world.statuses(second).await, ["released"]);
    assert_eq!(world.stock(shirt).await, (2, 0));
    world.adds_up().await;
}

#[tokio::test]
async fn an_expired_order_that_was_undone_takes_nothing_when_it_is_confirmed_late() {
    let world = World::new().await;
    let orders = Orders::new(&world.sandbox).await;
    let shirt = world.stocked("SHIRT", 5).await.id;
    let saga = Uuid::now_v7();
    reserved(&orders.reserve(saga, 1, &[(shirt, 3)]).await);
    world.inventory().expire(Utc::now() + TimeDelta::hours(1)).await.unwrap();
    done(&orders.release(saga, 1).await);
    orders.confirm(saga).await;
    handled(&world, 1).await;
    assert_eq!(world.stock(shirt).await, (5, 0));
}

#[test]
fn the_event_is_the_one_that_is_subscribed_to() {
    assert_eq!(saga::confirmed(Uuid::nil()).kind, OrderConfirmed::TYPE);
}
