//! Refunds by operators.

use crate::{
    app::{TestApp, is_done},
    wire::{charge, undo},
};
use axum::http::{HeaderMap, StatusCode};
use contracts::{
    problem::Code,
    rest::payments::{PaymentStatus, Refund, RefundStatus},
};
use harness::{PATIENCE, request};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_partial_refunds_never_exceed_the_capture() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 100);
    is_done(&app.charged(&command).await);
    let id = app.payment(&command).await.id;
    // None can end meanwhile: those under way count.
    app.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    let keys: Vec<String> = (0..10).map(|n| format!("key-{n}")).collect();
    let answers = futures::future::join_all(keys.iter().map(|key| app.refund(id, key, 30))).await;
    let accepted = answers.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    assert_eq!(accepted, 3);
    for refused in answers.iter().filter(|answer| answer.status != StatusCode::ACCEPTED) {
        refused.problem(Code::Conflict);
    }
    app.provider.faults(json!([])).await;
    let payment = kit::eventually(PATIENCE, "all refunds", async || {
        let payment = app.payment(&command).await;
        Ok((payment.refunded.minor == 90).then_some(payment))
    });
    let payment = payment.await.unwrap();
    assert_eq!(payment.status, PaymentStatus::PartiallyRefunded);
    assert!(payment.refunds.iter().all(|refund| refund.status == RefundStatus::Succeeded));
    // The compensation gives back the rest.
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    let given: Vec<i64> = app.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!((given.iter().sum::<i64>(), given.last()), (100, Some(&10)));
    app.refund(id, "late", 1).await.problem(Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_go_up_to_what_is_left_and_not_one_unit_beyond() {
    let app = TestApp::new().await;
    let (command, fresh) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&app.charged(&command).await);
    is_done(&app.charged(&fresh).await);
    let (id, untouched) = (app.payment(&command).await.id, app.payment(&fresh).await.id);
    app.refund(untouched, "all-and-one", 101).await.problem(Code::Conflict);

    app.refund(id, "most", 90).await.json::<Refund>(StatusCode::ACCEPTED);
    let given = async |minor| {
        let seen = async || Ok((app.payment(&command).await.refunded.minor == minor).then_some(()));
        kit::eventually(PATIENCE, "the refund", seen).await.unwrap();
    };
    given(90).await;
    app.refund(id, "one-beyond", 11).await.problem(Code::Conflict);
    app.refund(id, "the-rest", 10).await.json::<Refund>(StatusCode::ACCEPTED);
    app.refund(id, "beyond-the-rest", 1).await.problem(Code::Conflict);
    given(100).await;
    app.refund(id, "beyond-all", 1).await.problem(Code::Conflict);
    let amounts: Vec<i64> = app.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!(amounts, [90, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compensation_waits_for_a_refund_under_way_and_gives_back_the_rest() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 100);
    is_done(&app.charged(&command).await);
    let id = app.payment(&command).await.id;
    app.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    app.refund(id, "some", 30).await.json::<Refund>(StatusCode::ACCEPTED);
    let back = undo(&command);
    app.wire.command(&back).await;
    let noted = kit::eventually(PATIENCE, "the compensation", async || {
        Ok((app.count("SELECT count(*) FROM payments WHERE undo_step IS NOT NULL").await == 1).then_some(()))
    });
    noted.await.unwrap();
    app.provider.faults(json!([])).await;
    is_done(&app.wire.reply(&back.step).await);
    let given: Vec<i64> = app.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!(given, [30, 70]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gives_back_once_and_another_request_with_it_is_refused() {
    let app = TestApp::new().await;
    let (command, other) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&app.charged(&command).await);
    is_done(&app.charged(&other).await);
    let (id, other) = (app.payment(&command).await.id, app.payment(&other).await.id);
    let all = futures::future::join_all((0..8).map(|_| app.refund(id, "same", 40))).await;
    let (accepted, under_way): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.status == StatusCode::ACCEPTED);
    let ids: Vec<Uuid> = accepted.iter().map(|answer| answer.json::<Refund>(StatusCode::ACCEPTED).id).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]));
    under_way.iter().for_each(|answer| _ = answer.problem(Code::IdempotencyInProgress));
    app.refund(id, "same", 41).await.problem(Code::IdempotencyMismatch);
    app.refund(other, "same", 40).await.problem(Code::IdempotencyMismatch);
    app.refund(Uuid::now_v7(), "unknown", 40).await.problem(Code::NotFound);
    app.refund(id, "", 40).await.problem(Code::ValidationFailed);
    app.refund(id, "none", 0).await.problem(Code::ValidationFailed);
    let settled = kit::eventually(PATIENCE, "the refund", async || {
        Ok((app.payment(&command).await.refunded.minor == 40).then_some(()))
    });
    settled.await.unwrap();
    assert_eq!(app.provider.ledger().await.refunds.len(), 1);
}

/// A payment of 100 whose refunds stay under way.
async fn held(app: &TestApp) -> Uuid {
    let command = charge("tok_visa_ok", 100);
    is_done(&app.charged(&command).await);
    app.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    app.payment(&command).await.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_what_it_means_everywhere() {
    let app = TestApp::new().await;
    let path = format!("/v1/payments/{}/refunds", held(&app).await);
    let send = async |headers: HeaderMap, is_other| {
        let body = json!({"amount": {"minor": if is_other { 2 } else { 1 }, "currency": "BRL"}, "reason": "a dent"});
        let mut asked = request("POST", &path, Some(&app.operator), Some(body));
        asked.headers_mut().extend(headers);
        app.send(asked).await
    };
    let refunds = async || app.count("SELECT count(*) FROM refunds").await;
    harness::idempotency::keys_are_kept(send, refunds).await;
    // Unlike elsewhere, a key is never used for a second refund: the second one is refused for ever.
    app.execute("UPDATE idempotency_keys SET created_at = now() - interval '73 hours'").await;
    postgres::idempotency::purge(app.pool()).await.unwrap();
    send(harness::idempotency::key("again"), false).await.problem(Code::IdempotencyMismatch);
    assert_eq!(refunds().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_before_the_shared_table_are_recognised() {
    let app = TestApp::new().await;
    let id = held(&app).await;
    let body = |reason: &str| json!({"amount": {"minor": 10, "currency": "BRL"}, "reason": reason});
    let reasons = ["a dent", "\"quoted\" \\ and \u{e7}\u{1f600}/"];
    let path = format!("/v1/payments/{id}/refunds");
    let ask = async |key: &str, reason: &str| {
        let mut asked = request("POST", &path, Some(&app.operator), Some(body(reason)));
        asked.headers_mut().extend(harness::idempotency::key(key));
        app.send(asked).await
    };
    let mut first = Vec::new();
    for reason in reasons {
        first.push(ask(&reason.len().to_string(), reason).await.json::<Refund>(StatusCode::ACCEPTED).id);
    }
    app.execute("DROP TABLE idempotency_keys").await;
    let migration = include_str!("../../migrations/0003_idempotency.sql");
    sqlx::raw_sql(migration).execute(app.pool()).await.unwrap();
    for (reason, first) in reasons.into_iter().zip(first) {
        let key = reason.len().to_string();
        assert_eq!(ask(&key, reason).await.json::<Refund>(StatusCode::ACCEPTED).id, first, "{reason}");
        ask(&key, "another").await.problem(Code::IdempotencyMismatch);
    }
    assert_eq!(app.count("SELECT count(*) FROM refunds").await, 2);
}
