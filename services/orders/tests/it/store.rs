//! The event store: expected versions, snapshots, old schemas, and a state that is nothing but its events.

use crate::{app::TestApp, participants::Act};
use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use contracts::rest::orders::{Order as Told, OrderStatus};
use orders::{
    Error,
    domain::{Order, order::Stored},
    store::events::{self, SNAPSHOT_EVERY},
};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

fn stored(version: u64, kind: &str, schema: u32, data: Value, at: DateTime<Utc>) -> Stored {
    Stored { version, kind: kind.to_owned(), schema, data, at, causation_id: None, correlation_id: None }
}

fn of(order: Uuid, events: &[Stored]) -> Vec<(Uuid, &Stored)> {
    events.iter().map(|event| (order, event)).collect()
}

#[tokio::test]
async fn of_writers_that_expect_the_same_version_one_wins() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    let shipped = [stored(3, "shipped", 1, json!({"tracking_number": null}), Utc::now())];
    let write = async |_| {
        let mut tx = postgres::Db::from(app.pool().clone()).begin().await.unwrap();
        let outcome = events::append(&mut tx, &of(order.id, &shipped), &[], &[]).await;
        tx.commit().await.unwrap();
        outcome
    };
    let outcomes = futures::future::join_all((0..5).map(write)).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Error::Conflict))));
    // What happened can be neither changed nor deleted.
    for sql in ["UPDATE order_events SET version = 9", "DELETE FROM order_events", "TRUNCATE order_events"] {
        assert!(sqlx::query(sql).execute(app.pool()).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn a_long_history_is_read_from_its_snapshot_and_is_the_same_without() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let order = app.confirmed(&buyer).await;
    let path = format!("/v1/orders/{}/ship", order.id);
    let mut last = None;
    for number in 0..SNAPSHOT_EVERY + 3 {
        let body = json!({"tracking_number": number.to_string()});
        last = Some(app.ask("POST", &path, &app.operator, Some(body)).await.json::<Told>(StatusCode::OK));
    }
    let last = last.unwrap();
    assert_eq!(last.version, SNAPSHOT_EVERY + 5);
    assert_eq!(app.count("SELECT version FROM order_snapshots").await, 100);
    let mut connection = app.pool().acquire().await.unwrap();
    let with = events::load(&mut connection, order.id, None).await.unwrap().unwrap();
    let early = events::load(&mut connection, order.id, Some(order.updated_at)).await.unwrap().unwrap();
    assert_eq!((early.version, early.status), (2, OrderStatus::Confirmed));
    // A snapshot of another time's schema is passed over.
    sqlx::query("UPDATE order_snapshots SET schema_version = 1, state = '{}'").execute(app.pool()).await.unwrap();
    let without = events::load(&mut connection, order.id, None).await.unwrap().unwrap();
    assert_eq!(with, without);
    assert_eq!(with.shown(None), last);
    // One of the first schema may tell why an order was cancelled: it goes.
    let forget = include_str!("../../migrations/0007_old_snapshots.sql");
    sqlx::query(forget).execute(app.pool()).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM order_snapshots").await, 0);
}

#[tokio::test]
async fn an_order_of_the_first_schema_lives_on() {
    let app = TestApp::new().await;
    let placed: Value = serde_json::from_str(include_str!("fixtures/placed.1.json")).unwrap();
    let id: Uuid = placed["order_id"].as_str().unwrap().parse().unwrap();
    let at = Utc::now() - TimeDelta::days(365);
    let payment = json!({"payments_payment_id": Uuid::from_u128(9)});
    let mut connection = app.pool().acquire().await.unwrap();
    let old = [stored(1, "placed", 1, placed, at), stored(2, "confirmed", 1, payment, at)];
    events::append(&mut connection, &of(id, &old), &[], &[]).await.unwrap();
    let order = events::load(&mut connection, id, None).await.unwrap().unwrap();
    assert_eq!((order.status, order.total.to_string()), (OrderStatus::Confirmed, "48.70 BRL".to_owned()));
    let history = events::history(&mut connection, &[id]).await.unwrap();
    assert_eq!(history[0].1.schema, 1, "what was stored stays");
    // The words of old cancellations were not sealed: nobody is told them any more.
    let words = json!({"by": "buyer", "reason": "Ana is ill"});
    let called_off = [stored(3, "cancellation_requested", 1, words, at)];
    events::append(&mut connection, &of(id, &called_off), &[], &[]).await.unwrap();
    let order = events::load(&mut connection, id, None).await.unwrap().unwrap();
    assert_eq!(order.cancellation.unwrap().reason, None);
    let newer = [stored(4, "shipped", 7, json!({}), at)];
    events::append(&mut connection, &of(id, &newer), &[], &[]).await.unwrap();
    assert!(events::load(&mut connection, id, None).await.is_err(), "nobody guesses at a schema");
}

#[tokio::test]
async fn the_state_now_is_what_the_events_say_of_every_order() {
    let app = TestApp::new().await;
    let buyer = app.buyer().await;
    let cancelled = app.confirmed(&buyer).await;
    let cancel = format!("/v1/orders/{}/cancel", cancelled.id);
    app.ask("POST", &cancel, &buyer.token, Some(json!({"reason": "x"}))).await.json::<Told>(StatusCode::ACCEPTED);
    app.becomes(&buyer, cancelled.id, OrderStatus::Cancelled).await;
    let shipped = app.confirmed(&buyer).await;
    let ship = format!("/v1/orders/{}/ship", shipped.id);
    app.ask("POST", &ship, &app.operator, Some(json!({}))).await.json::<Told>(StatusCode::OK);
    app.played.act("charge_payment", Act::Refuse("declined"));
    let rejected = app.buy(&buyer).await;
    app.becomes(&buyer, rejected.id, OrderStatus::Rejected).await;
    let rows: Vec<(Uuid, String, i64, Json<Order>)> =
        sqlx::query_as("SELECT id, status, version, state FROM orders").fetch_all(app.pool()).await.unwrap();
    assert_eq!(rows.len(), 3);
    let mut connection = app.pool().acquire().await.unwrap();
    for (id, status, version, Json(state)) in rows {
        let replayed = events::load(&mut connection, id, None).await.unwrap().unwrap();
        assert_eq!(replayed, state);
        assert_eq!((state.status.into_str(), i64::try_from(state.version).unwrap()), (&*status, version));
    }
}
