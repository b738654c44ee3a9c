//! Events in their order, whatever fails in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use contracts::problem::{Code, Problem};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::events::{EVENTS, Events, ask};
use super::feed::{Told, tell};
use crate::gate::{code, service};
use crate::orders::id;

fn refused() -> Response {
    (StatusCode::BAD_REQUEST, Json(Problem::new(Code::ValidationFailed, "Not today."))).into_response()
}

/// A gateway before services of which each fails once. The history of the first event fails at once, and its payment is told
/// when the test allows it; the payment of the third event fails.
async fn told(allowed: Arc<Semaphore>) -> Told {
    let (histories, payments) = (Arc::new(AtomicUsize::new(1)), Arc::new(AtomicUsize::new(1)));
    let history = move || {
        let call = histories.fetch_add(1, Ordering::Relaxed);
        let answer = json!({ "histories": [{ "order_id": id(1), "events": [] }] });
        async move { if call == 1 { refused() } else { Json(answer).into_response() } }
    };
    let payment = move || {
        let (call, allowed) = (payments.fetch_add(1, Ordering::Relaxed), Arc::clone(&allowed));
        async move {
            if call == 1 {
                allowed.acquire().await.expect("it is never closed").forget();
            }
            if call == 3 { refused() } else { Json(json!({ "payments": [] })).into_response() }
        }
    };
    let payments = service(Router::new().route("/v1/payments/batch", post(payment))).await;
    // Nothing is too late: a second try would be another call.
    let patient = json!({ "try_timeout_ms": 20_000, "deadline_ms": 30_000 });
    let mut upstreams = json!({ "orders": patient, "payments": patient });
    upstreams["payments"]["url"] = payments.into();
    Told::with(Router::new().route("/v1/orders/events/batch", post(history)), json!({ "upstreams": upstreams })).await
}

#[tokio::test]
async fn what_fails_in_one_event_neither_holds_up_the_next_nor_changes_places_with_it() {
    let allowed = Arc::new(Semaphore::new(0));
    let mut told = told(Arc::clone(&allowed)).await;
    let query =
        format!("subscription {{ orderChanged(id: \"{}\") {{ payment {{ id }} version history {{ type }} }} }}", id(1));
    let mut events = Events::of(ask(&told.gate, Some(&told.gate.token()), EVENTS, &query).await);
    let feed = told.feed().await;
    for (status, version) in [("pending", 1), ("confirmed", 2), ("shipped", 3), ("delivered", 4)] {
        tell(&feed, status, version).await;
    }
    // All events are there before the first one can be told.
    allowed.add_permits(1);
    let first = events.result().await;
    assert_eq!((code(&first), &first["data"]), ("validation_failed", &Value::Null), "{first}");
    assert_eq!(first["errors"][0]["path"], json!(["orderChanged", "history"]));
    let order = |version: u64| json!({ "orderChanged": { "payment": null, "version": version, "history": [] } });
    assert_eq!(events.result().await, json!({ "data": order(2) }));
    let third = events.result().await;
    assert_eq!((code(&third), &third["data"]), ("validation_failed", &order(3)), "{third}");
    assert_eq!(third["errors"].as_array().map(Vec::len), Some(1), "{third}");
    assert_eq!(third["errors"][0]["path"], json!(["orderChanged", "payment"]));
    assert_eq!(events.result().await, json!({ "data": order(4) }));
    events.completes().await;
}
