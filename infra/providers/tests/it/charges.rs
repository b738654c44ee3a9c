//! Charges: once per key.

use crate::world::{SECRET, World, charge};
use providers::payment::{Charge, ChargeStatus, DeclineReason};
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_decide_and_a_repeated_key_has_the_same_answer() {
    let world = World::new().await;
    let captured = world.charge("a", "tok_visa_ok", 1_290).await;
    assert_eq!((captured.status, captured.amount.minor), (ChargeStatus::Captured, 1_290));
    let declined = world.charge("b", "tok_visa_declined", 5).await;
    assert_eq!(declined.decline_reason, Some(DeclineReason::InsufficientFunds));
    let expired = world.charge("c", "tok_visa_expired", 5).await;
    assert_eq!((expired.status, expired.decline_reason), (ChargeStatus::Declined, Some(DeclineReason::ExpiredCard)));
    assert_eq!(world.charge("a", "tok_visa_ok", 1_290).await, captured);
    assert_eq!(world.charge("b", "tok_visa_declined", 5).await, declined);
    for other in [charge("tok_visa_ok", 1_291), charge("tok_other_ok", 1_290)] {
        assert_eq!(world.post("/charges", "a", &other).send().await.unwrap().status(), 409);
    }
    let found: Charge = world.get("/charges?idempotency_key=a").send().await.unwrap().json().await.unwrap();
    assert_eq!(found, captured);
    assert_eq!(world.get("/charges?idempotency_key=z").send().await.unwrap().status(), 404);
    assert_eq!(world.ledger().await.charges, [captured, declined, expired]);
}

#[tokio::test]
async fn concurrent_requests_with_one_key_make_one_charge() {
    let world = World::new().await;
    let all = (0..32).map(|_| world.charge("same", "tok_visa_ok", 100));
    let answers = futures::future::join_all(all).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(world.ledger().await.charges.len(), 1);
}

#[tokio::test]
async fn what_cannot_be_a_charge_is_refused_and_not_recorded() {
    let world = World::new().await;
    let refused = [
        ("k", charge("tok_visa_ok", 0)),
        ("k", charge("tok_visa_ok", -5)),
        ("", charge("tok_visa_ok", 5)),
        ("k", json!({"amount": {"minor": 1, "currency": "BRLX"}, "token": "t", "method": "pix"})),
    ];
    for (key, body) in refused {
        assert_eq!(world.post("/charges", key, &body).send().await.unwrap().status(), 400, "{body}");
    }
    assert!(world.ledger().await.charges.is_empty());
}

#[tokio::test]
async fn without_the_secret_nothing_is_told_or_done() {
    let world = World::new().await;
    let all =
        [("GET", "/ledger"), ("GET", "/faults"), ("DELETE", "/faults"), ("GET", "/charges"), ("POST", "/charges")];
    for (method, path) in all {
        let request = || world.client.request(method.parse().unwrap(), format!("{}{path}", world.url));
        let forged = [request(), request().bearer_auth("another"), request().bearer_auth(&SECRET[1..])];
        for request in forged {
            let answer = request.json(&charge("tok_visa_ok", 1)).send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path}");
        }
    }
    assert!(world.ledger().await.charges.is_empty());
}

#[tokio::test]
async fn the_ledger_outlives_the_process_and_keeps_no_token() {
    let world = World::new().await;
    let charged = world.charge("a", "tok_visa_ok", 7).await;
    let refunded = world.refund(&charged, "r", 3).await.unwrap();
    let again = World::on(world.folder.clone(), None).await;
    let everything = again.ledger().await;
    assert_eq!((everything.charges, everything.refunds), (vec![charged.clone()], vec![refunded]));
    assert_eq!(again.charge("a", "tok_visa_ok", 7).await, charged);
    assert_eq!(again.refund(&charged, "s", 5).await, Err(400));
    let file = std::fs::read_to_string(world.folder.path().join("payments.jsonl")).unwrap();
    assert!(!file.contains("tok_"), "{file}");
    let lines: Vec<Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
}
