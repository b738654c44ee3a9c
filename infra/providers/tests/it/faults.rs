//! Faults that are switched on.

use crate::world::{World, charge};
use providers::faults::FaultList;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn an_answer_is_lost_after_the_charge_is_made() {
    let world = World::new().await;
    world.faults(json!([{"kind": "answer_lost", "remaining": 2}])).await;
    let sent = world.post("/charges", "a", &charge("tok_visa_ok", 5)).send().await;
    assert!(sent.is_err(), "not even a status: {sent:?}");
    let made = world.ledger().await.charges;
    assert_eq!(made.len(), 1);
    assert!(world.post("/charges", "a", &charge("tok_visa_ok", 5)).send().await.is_err());
    // The third one is answered: with the charge that the first one made.
    assert_eq!(world.charge("a", "tok_visa_ok", 5).await, made[0]);
    assert_eq!(world.ledger().await.charges, made);
}

#[tokio::test]
async fn a_request_that_hangs_ends_with_its_client_and_does_nothing() {
    let world = World::new().await;
    world.faults(json!([{"kind": "hang", "on": "charge"}])).await;
    let patience = Duration::from_millis(300);
    let hanging = world.post("/charges", "a", &charge("tok_visa_ok", 5)).timeout(patience).send();
    assert!(hanging.await.unwrap_err().is_timeout());
    assert!(world.ledger().await.charges.is_empty());
    assert_eq!(world.get("/charges?idempotency_key=a").send().await.unwrap().status(), 404);
    let off = world.client.delete(format!("{}/faults", world.url)).bearer_auth(crate::world::SECRET);
    assert_eq!(off.send().await.unwrap().status(), 204);
    world.charge("a", "tok_visa_ok", 5).await;
}

#[tokio::test]
async fn errors_delays_and_declines_strike_as_often_as_told() {
    let world = World::new().await;
    world
        .faults(json!([
            {"kind": "error_5xx", "remaining": 2},
            {"kind": "latency", "remaining": 1, "milliseconds": 50},
            {"kind": "decline", "remaining": 1},
        ]))
        .await;
    for _ in 0..2 {
        let answer = world.post("/charges", "a", &charge("tok_visa_ok", 5)).send().await.unwrap();
        assert_eq!(answer.status(), 503);
    }
    assert!(world.ledger().await.charges.is_empty());
    assert!(world.charge("a", "tok_visa_ok", 5).await.decline_reason.is_some());
    assert!(world.charge("b", "tok_visa_ok", 5).await.decline_reason.is_none());
    let left: FaultList = world.get("/faults").send().await.unwrap().json().await.unwrap();
    assert!(left.faults.is_empty());
}

#[tokio::test]
async fn chance_that_is_none_is_refused() {
    let world = World::new().await;
    for fault in
        [json!({"kind": "hang", "probability": 1.5}), json!({"kind": "hang", "remaining": 0}), json!({"kind": "x"})]
    {
        let request = world.client.put(format!("{}/faults", world.url)).bearer_auth(crate::world::SECRET);
        let answer = request.json(&json!({"faults": [fault]})).send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
}
