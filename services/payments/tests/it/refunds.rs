//! Refunds by operators.

use crate::{
    wire::{charge, undo},
    world::{SOON, World, is_done},
};
use axum::http::{HeaderMap, StatusCode};
use contracts::{
    problem::Code,
    rest::payments::{PaymentStatus, Refund, RefundStatus},
};
use kit::Answer;
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_partial_refunds_never_exceed_the_capture() {
    let world = World::new().await;
    let command = charge("tok_visa_ok", 100);
    is_done(&world.charged(&command).await);
    let id = world.payment(&command).await.id;
    // None can end meanwhile: those under way count.
    world.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    let keys: Vec<String> = (0..10).map(|n| format!("key-{n}")).collect();
    let answers = futures::future::join_all(keys.iter().map(|key| world.refund(id, key, 30))).await;
    let accepted = answers.iter().filter(|answer| answer.status == StatusCode::ACCEPTED).count();
    assert_eq!(accepted, 3);
    for refused in answers.iter().filter(|answer| answer.status != StatusCode::ACCEPTED) {
        refused.problem(Code::Conflict);
    }
    world.provider.faults(json!([])).await;
    let payment = kit::eventually(SOON, "all refunds", async || {
        let payment = world.payment(&command).await;
        Ok((payment.refunded.minor == 90).then_some(payment))
    });
    let payment = payment.await.unwrap();
    assert_eq!(payment.status, PaymentStatus::PartiallyRefunded);
    assert!(payment.refunds.iter().all(|refund| refund.status == RefundStatus::Succeeded));
    // The compensation gives back the rest.
    let back = undo(&command);
    is_done(&world.wire.ask(&back).await);
    let given: Vec<i64> = world.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!((given.iter().sum::<i64>(), given.last()), (100, Some(&10)));
    world.refund(id, "late", 1).await.problem(Code::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_go_up_to_what_is_left_and_not_one_unit_beyond() {
    let world = World::new().await;
    let (command, fresh) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&world.charged(&command).await);
    is_done(&world.charged(&fresh).await);
    let (id, untouched) = (world.payment(&command).await.id, world.payment(&fresh).await.id);
    world.refund(untouched, "all-and-one", 101).await.problem(Code::Conflict);

    world.refund(id, "most", 90).await.json::<Refund>(StatusCode::ACCEPTED);
    let given = async |minor| {
        let seen = async || Ok((world.payment(&command).await.refunded.minor == minor).then_some(()));
        kit::eventually(SOON, "the refund", seen).await.unwrap();
    };
    given(90).await;
    world.refund(id, "one-beyond", 11).await.problem(Code::Conflict);
    world.refund(id, "the-rest", 10).await.json::<Refund>(StatusCode::ACCEPTED);
    world.refund(id, "beyond-the-rest", 1).await.problem(Code::Conflict);
    given(100).await;
    world.refund(id, "beyond-all", 1).await.problem(Code::Conflict);
    let amounts: Vec<i64> = world.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!(amounts, [90, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compensation_waits_for_a_refund_under_way_and_gives_back_the_rest() {
    let world = World::new().await;
    let command = charge("tok_visa_ok", 100);
    is_done(&world.charged(&command).await);
    let id = world.payment(&command).await.id;
    world.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    world.refund(id, "some", 30).await.json::<Refund>(StatusCode::ACCEPTED);
    let back = undo(&command);
    world.wire.command(&back).await;
    let noted = kit::eventually(SOON, "the compensation", async || {
        Ok((world.count("SELECT count(*) FROM payments WHERE undo_step IS NOT NULL").await == 1).then_some(()))
    });
    noted.await.unwrap();
    world.provider.faults(json!([])).await;
    is_done(&world.wire.reply(&back.step).await);
    let given: Vec<i64> = world.provider.ledger().await.refunds.iter().map(|refund| refund.amount.minor).collect();
    assert_eq!(given, [30, 70]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_gives_back_once_and_another_request_with_it_is_refused() {
    let world = World::new().await;
    let (command, other) = (charge("tok_visa_ok", 100), charge("tok_visa_ok", 100));
    is_done(&world.charged(&command).await);
    is_done(&world.charged(&other).await);
    let (id, other) = (world.payment(&command).await.id, world.payment(&other).await.id);
    let all = futures::future::join_all((0..8).map(|_| world.refund(id, "same", 40))).await;
    let (accepted, under_way): (Vec<_>, Vec<_>) = all.iter().partition(|it| it.status == StatusCode::ACCEPTED);
    let ids: Vec<Uuid> = accepted.iter().map(|answer| answer.json::<Refund>(StatusCode::ACCEPTED).id).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]));
    under_way.iter().for_each(|answer| _ = answer.problem(Code::IdempotencyInProgress));
    world.refund(id, "same", 41).await.problem(Code::IdempotencyMismatch);
    world.refund(other, "same", 40).await.problem(Code::IdempotencyMismatch);
    world.refund(Uuid::now_v7(), "unknown", 40).await.problem(Code::NotFound);
    world.refund(id, "", 40).await.problem(Code::ValidationFailed);
    world.refund(id, "none", 0).await.problem(Code::ValidationFailed);
    let settled = kit::eventually(SOON, "the refund", async || {
        Ok((world.payment(&command).await.refunded.minor == 40).then_some(()))
    });
    settled.await.unwrap();
    assert_eq!(world.provider.ledger().await.refunds.len(), 1);
}

/// A payment of 100 whose refunds stay under way.
async fn held(world: &World) -> Uuid {
    let command = charge("tok_visa_ok", 100);
    is_done(&world.charged(&command).await);
    world.provider.faults(json!([{"kind": "error_5xx", "on": "refund"}])).await;
    world.payment(&command).await.id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_means_what_it_means_everywhere() {
    let world = World::new().await;
    let path = format!("{}/v1/payments/{}/refunds", world.url, held(&world).await);
    let token = world.operator();
    let send = async |headers: HeaderMap, is_other| {
        let body = json!({"amount": {"minor": if is_other { 2 } else { 1 }, "currency": "BRL"}, "reason": "a dent"});
        Answer::of(world.client.post(&path).bearer_auth(&token).headers(headers).json(&body)).await
    };
    let refunds = async || world.count("SELECT count(*) FROM refunds").await;
    kit::idempotency::keys_are_kept(send, refunds).await;
    // Unlike elsewhere, a key is never used for a second refund: the second one is refused for ever.
    world.execute("UPDATE idempotency_keys SET created_at = now() - interval '73 hours'").await;
    postgres::idempotency::purge(&world.pool).await.unwrap();
    send(kit::idempotency::key("again"), false).await.problem(Code::IdempotencyMismatch);
    assert_eq!(refunds().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_from_before_the_shared_table_are_recognised() {
    let world = World::new().await;
    let id = held(&world).await;
    let body = |reason: &str| json!({"amount": {"minor": 10, "currency": "BRL"}, "reason": reason});
    let reasons = ["a dent", "\"quoted\" \\ and \u{e7}\u{1f600}/"];
    let token = world.operator();
    let ask = async |key: &str, reason: &str| {
        let request = world.client.post(format!("{}/v1/payments/{id}/refunds", world.url)).bearer_auth(&token);
        Answer::of(request.header("idempotency-key", key).json(&body(reason))).await
    };
    let mut first = Vec::new();
    for reason in reasons {
        first.push(ask(&reason.len().to_string(), reason).await.json::<Refund>(StatusCode::ACCEPTED).id);
    }
    world.execute("DROP TABLE idempotency_keys").await;
    let migration = include_str!("../../migrations/0003_idempotency.sql");
    sqlx::raw_sql(migration).execute(&world.pool).await.unwrap();
    for (reason, first) in reasons.into_iter().zip(first) {
        let key = reason.len().to_string();
        assert_eq!(ask(&key, reason).await.json::<Refund>(StatusCode::ACCEPTED).id, first, "{reason}");
        ask(&key, "another").await.problem(Code::IdempotencyMismatch);
    }
    assert_eq!(world.count("SELECT count(*) FROM refunds").await, 2);
}
