//! A provider that is slow, broken, silent, or takes the money and does not say so.

use crate::{
    app::{TestApp, is_done},
    wire::charge,
};
use contracts::{event::payments::PaymentCaptured, rest::payments::PaymentStatus};
use serde_json::{Value, json};

async fn is_charged_once_in_spite_of(faults: Value) {
    let app = TestApp::new().await;
    app.provider.faults(faults).await;
    let command = charge("tok_visa_ok", 700);
    is_done(&app.charged(&command).await);
    app.has_one_charge(&command).await;
    let payment = app.reaches(&command, PaymentStatus::Captured).await;
    let told = kit::eventually(harness::PATIENCE, "the event", async || {
        Ok(app.wire.heard(|it: &PaymentCaptured| it.payment_id == payment.id).pop())
    });
    told.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow() {
    is_charged_once_in_spite_of(json!([{"kind": "latency", "milliseconds": 600, "remaining": 4}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slower_than_our_patience() {
    is_charged_once_in_spite_of(json!([{"kind": "latency", "milliseconds": 1_500, "remaining": 2}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken() {
    is_charged_once_in_spite_of(json!([{"kind": "error_5xx", "remaining": 3}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent() {
    is_charged_once_in_spite_of(json!([{"kind": "hang", "remaining": 2}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_lost_after_the_charge() {
    is_charged_once_in_spite_of(json!([{"kind": "answer_lost", "remaining": 1}])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_lost_and_so_are_the_first_answers_to_our_questions() {
    let faults = json!([
        {"kind": "answer_lost", "remaining": 1},
        {"kind": "error_5xx", "on": "lookup", "remaining": 2},
        {"kind": "answer_lost", "on": "lookup", "remaining": 1},
    ]);
    is_charged_once_in_spite_of(faults).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_and_by_chance() {
    let app = TestApp::new().await;
    let faults = ["latency", "error_5xx", "answer_lost"];
    let faults = faults.map(|kind| json!({"kind": kind, "probability": 0.15, "milliseconds": 300, "remaining": 30}));
    app.provider.faults(json!(faults)).await;
    let commands: Vec<_> = (0..40).map(|n| charge("tok_visa_ok", n + 1)).collect();
    futures::future::join_all(commands.iter().map(|command| app.wire.command(command))).await;
    for command in &commands {
        is_done(&app.wire.reply(&command.step).await);
    }
    assert_eq!(app.provider.ledger().await.charges.len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn down_and_up_again() {
    let app = TestApp::new().await;
    app.provider.stop();
    let command = charge("tok_visa_ok", 700);
    app.wire.command(&command).await;
    let tried = kit::eventually(harness::PATIENCE, "a few tries", async || {
        Ok((app.count("SELECT coalesce(max(tries), 0)::bigint FROM provider_calls").await >= 3).then_some(()))
    });
    tried.await.unwrap();
    assert_eq!(app.payment(&command).await.status, PaymentStatus::Pending);
    assert_eq!(app.health.report().await.status, chassis::health::Status::Degraded);
    app.provider.come_back(None).await;
    is_done(&app.wire.reply(&command.step).await);
    app.has_one_charge(&command).await;
}
