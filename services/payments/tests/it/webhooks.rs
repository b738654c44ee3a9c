//! Webhooks: signed, fresh, and with an effect once.

use crate::{
    app::{TestApp, is_done, is_refused},
    provider::SECRET,
    wire::{charge, undo},
};
use axum::http::StatusCode;
use chrono::Utc;
use contracts::{
    event::payments::PaymentCaptured,
    problem::Code,
    rest::payments::{PaymentStatus, Refund, RefundStatus},
};
use harness::{Answer, PATIENCE};
use providers::webhooks::sign;
use serde_json::{Value, json};

pub(crate) fn event(command: &contracts::command::checkout::ChargePayment, id: &str, status: &str) -> Value {
    json!({
        "id": id, "type": format!("charge.{status}"), "created_at": Utc::now(),
        "data": {
            "id": "ch_1", "idempotency_key": format!("{}:{}", command.step.saga_id, command.step.step),
            "amount": command.amount, "status": status, "created_at": Utc::now(),
            "decline_reason": (status == "declined").then_some("insufficient_funds"),
        },
    })
}

impl TestApp {
    async fn tell(&self, signature: Option<String>, body: &str) -> Answer {
        let request = chassis::client::new().post(format!("{}/v1/webhooks/provider", self.url)).body(body.to_owned());
        let request = match signature {
            Some(signature) => request.header("provider-signature", signature),
            None => request,
        };
        Answer::of(request).await
    }

    async fn tell_signed(&self, event: &Value) {
        let body = event.to_string();
        let answer = self.tell(Some(sign(&SECRET.into(), Utc::now().timestamp(), body.as_bytes())), &body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }

    /// Pending, and to stay so.
    async fn pending(&self) -> contracts::command::checkout::ChargePayment {
        self.provider.faults(json!([{"kind": "error_5xx"}])).await;
        let command = charge("tok_visa_ok", 100);
        self.wire.command(&command).await;
        self.reaches(&command, PaymentStatus::Pending).await;
        command
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_settles_what_no_answer_did() {
    let app = TestApp::new().await.with_webhooks().await;
    app.provider.faults(json!([{"kind": "answer_lost", "on": "charge"}, {"kind": "hang", "on": "lookup"}])).await;
    let command = charge("tok_visa_ok", 100);
    is_done(&app.charged(&command).await);
    assert_eq!(app.count("SELECT count(*) FROM provider_events").await, 1);
    app.provider.faults(json!([{"kind": "answer_lost", "on": "refund"}, {"kind": "hang", "on": "lookup"}])).await;
    let back = undo(&command);
    is_done(&app.wire.ask(&back).await);
    app.has_one_charge(&command).await;
    assert_eq!(app.provider.ledger().await.refunds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_settled_by_its_own_amount_only() {
    let app = TestApp::new().await;
    let command = charge("tok_visa_ok", 100);
    is_done(&app.charged(&command).await);
    let id = app.payment(&command).await.id;
    // Pending, and to stay so.
    app.provider.faults(json!([{"kind": "error_5xx"}])).await;
    let refund: Refund = app.refund(id, "some", 40).await.json(StatusCode::ACCEPTED);
    let succeeded = |event: &str, minor: i64, currency: &str| {
        json!({
            "id": event, "type": "refund.succeeded", "created_at": Utc::now(),
            "data": {
                "id": "re_1", "charge_id": "ch_1", "idempotency_key": format!("refund:{}", refund.id),
                "amount": {"minor": minor, "currency": currency}, "created_at": Utc::now(),
            },
        })
    };
    for (event, minor, currency) in [("evt_1", 41, "BRL"), ("evt_2", 39, "BRL"), ("evt_3", 40, "USD")] {
        app.tell_signed(&succeeded(event, minor, currency)).await;
        let payment = app.payment(&command).await;
        assert_eq!(
            (payment.refunded.minor, payment.refunds[0].status),
            (0, RefundStatus::Pending),
            "{minor} {currency}"
        );
    }
    assert_eq!(app.count("SELECT count(*) FROM provider_events").await, 0);
    app.tell_signed(&succeeded("evt_4", 40, "BRL")).await;
    let payment = app.payment(&command).await;
    assert_eq!((payment.refunded.minor, payment.refunds[0].status), (40, RefundStatus::Succeeded));
}

#[tokio::test(flavor = "multi_thread")]
async fn heard_again_it_changes_nothing() {
    let app = TestApp::new().await;
    let command = app.pending().await;
    for _ in 0..3 {
        app.tell_signed(&event(&command, "evt_1", "declined")).await;
    }
    is_refused(&app.wire.reply(&command.step).await, "declined", "insufficient_funds");
    // One that contradicts does not undo an outcome.
    app.tell_signed(&event(&command, "evt_2", "captured")).await;
    assert_eq!(app.payment(&command).await.status, PaymentStatus::Declined);
    assert_eq!(app.count("SELECT count(*) FROM provider_events").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_beside_the_answer_are_one_outcome() {
    let app = TestApp::new().await.with_webhooks().await;
    app.provider.faults(json!([{"kind": "duplicate_webhook"}])).await;
    let commands: Vec<_> = (0..20).map(|n| charge("tok_visa_ok", n + 1)).collect();
    futures::future::join_all(commands.iter().map(|command| app.wire.command(command))).await;
    for command in &commands {
        is_done(&app.wire.reply(&command.step).await);
    }
    let told = kit::eventually(PATIENCE, "every event", async || {
        Ok((app.wire.heard(|_: &PaymentCaptured| true).len() >= 20).then_some(()))
    });
    told.await.unwrap();
    assert_eq!(app.wire.heard(|_: &PaymentCaptured| true).len(), 20);
    assert_eq!(app.provider.ledger().await.charges.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_come_at_once_settle_each_its_own() {
    let app = TestApp::new().await;
    app.provider.faults(json!([{"kind": "error_5xx"}])).await;
    let commands: Vec<_> = (1..=20).map(|amount| charge("tok_visa_ok", amount)).collect();
    for command in &commands {
        app.wire.command(command).await;
        app.reaches(command, PaymentStatus::Pending).await;
    }
    let status = |n: usize| if n.is_multiple_of(3) { "declined" } else { "captured" };
    let events = commands.iter().enumerate().map(|(n, command)| event(command, &format!("evt_{n}"), status(n)));
    let strange = event(&charge("tok_visa_ok", 1), "evt_strange", "captured");
    let events: Vec<_> = events.chain([strange]).collect();
    futures::future::join_all(events.iter().map(|event| app.tell_signed(event))).await;
    for (n, command) in commands.iter().enumerate() {
        let reply = app.wire.reply(&command.step).await;
        match status(n) {
            "captured" => is_done(&reply),
            _ => is_refused(&reply, "declined", "insufficient_funds"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_old_and_unreadable_webhooks_are_refused() {
    let app = TestApp::new().await;
    let command = app.pending().await;
    let body = event(&command, "evt_1", "captured").to_string();
    let now = Utc::now().timestamp();
    let good = sign(&SECRET.into(), now, body.as_bytes());
    let forged = [
        None,
        Some("nonsense".to_owned()),
        Some(sign(&"another secret".into(), now, body.as_bytes())),
        Some(sign(&SECRET.into(), now, b"{}")),
        Some(good.replace(&format!("t={now}"), &format!("t={}", now + 1))),
    ];
    for signature in forged {
        app.tell(signature, &body).await.problem(Code::Unauthenticated);
    }
    for time in [now - 600, now + 600] {
        let signature = sign(&SECRET.into(), time, body.as_bytes());
        app.tell(Some(signature), &body).await.problem(Code::ValidationFailed);
    }
    let signature = sign(&SECRET.into(), now, b"{}");
    app.tell(Some(signature), "{}").await.problem(Code::MalformedRequest);
    for path in ["/id", "/data/id", "/data/idempotency_key", "/data/decline_reason"] {
        let mut unstorable = event(&command, "evt_nul", "declined");
        let text = unstorable.pointer_mut(path).unwrap();
        *text = json!(format!("{}\0", text.as_str().unwrap()));
        let body = unstorable.to_string();
        let signature = sign(&SECRET.into(), now, body.as_bytes());
        app.tell(Some(signature), &body).await.problem(Code::MalformedRequest);
    }
    let mut other = event(&command, "evt_2", "captured");
    other["data"]["amount"]["minor"] = json!(1);
    app.tell_signed(&other).await;
    app.tell_signed(&json!({"id": "evt_3", "type": "payout.made", "created_at": Utc::now(), "data": {}})).await;
    assert_eq!(app.payment(&command).await.status, PaymentStatus::Pending);
    assert_eq!(app.count("SELECT count(*) FROM provider_events").await, 0);
}
