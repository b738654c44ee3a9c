//! The program dies while it serves operators, webhooks and erasures; and two of it share the work.

use crate::{
    app::{is_done, is_refused},
    process::Scene,
    provider::SECRET,
    webhooks::event,
    wire::{charge, undo},
};
use chrono::Utc;
use contracts::{
    command::checkout::ChargePayment,
    envelope::Event,
    event::{orders::CustomerErased, payments::PaymentCaptured},
    rest::payments::Payment,
};
use harness::{PATIENCE, sql};
use providers::webhooks::sign;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

impl Scene {
    async fn count(&self, sql: &str) -> i64 {
        sql::count(&self.program.pool(), sql).await
    }

    async fn payment(&self, url: &str, command: &ChargePayment) -> Payment {
        let operator = self.program.issuer.token(Uuid::now_v7(), &["user", "operator"]);
        let path = format!("{url}/v1/orders/{}/payment", command.orders_order_id);
        let answer = chassis::client::new().get(path).bearer_auth(operator).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    }

    /// Asks for 30 of a payment to be given back; always the same request.
    async fn refund(&self, url: &str, payment: Uuid) -> reqwest::Result<Response> {
        let operator = self.program.issuer.token(Uuid::nil(), &["user", "operator"]);
        let body = json!({"amount": {"minor": 30, "currency": "BRL"}, "reason": "a dent"});
        let request = chassis::client::new().post(format!("{url}/v1/payments/{payment}/refunds"));
        request.bearer_auth(operator).header("idempotency-key", "dent").json(&body).send().await
    }
}

async fn tell(url: &str, event: &Value) -> reqwest::Result<Response> {
    let body = event.to_string();
    let signature = sign(&SECRET.into(), Utc::now().timestamp(), body.as_bytes());
    let request = chassis::client::new().post(format!("{url}/v1/webhooks/provider")).body(body);
    request.header("provider-signature", signature).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_s_refund_is_made_once_whenever_it_dies() {
    let scene = Scene::new().await;
    let command = charge("tok_visa_ok", 100);
    let stack = scene.start().await;
    is_done(&scene.wire.ask(&command).await);
    let payment = scene.payment(&stack.url("payments"), &command).await.id;
    stack.stop("payments").await.unwrap();
    for failpoint in ["payments.operator_refund.after_refund", "payments.operator_refund.before_commit"] {
        let unanswered = async |url: &str| assert!(scene.refund(url, payment).await.is_err());
        scene.dies(failpoint, unanswered).await;
        assert_eq!(scene.count("SELECT count(*) FROM refunds").await, 0, "{failpoint}");
    }
    // Recorded and answered, but the call dies before it is made.
    let accepted = async |url: &str| {
        assert_eq!(scene.refund(url, payment).await.unwrap().status(), StatusCode::ACCEPTED);
    };
    scene.dies("payments.call.before", accepted).await;
    let stack = scene.start().await;
    let given = kit::eventually(PATIENCE, "the refund", async || {
        Ok((scene.payment(&stack.url("payments"), &command).await.refunded.minor == 30).then_some(()))
    });
    given.await.unwrap();
    assert_eq!(scene.refund(&stack.url("payments"), payment).await.unwrap().status(), StatusCode::ACCEPTED);
    assert_eq!(scene.provider.ledger().await.refunds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_it_dies_of_has_its_effect_when_it_comes_again() {
    for failpoint in ["payments.webhook.after_event", "payments.webhook.before_commit"] {
        let scene = Scene::new().await;
        scene.provider.faults(json!([{"kind": "error_5xx"}])).await;
        let command = charge("tok_visa_ok", 100);
        let declined = event(&command, "evt_1", "declined");
        let unanswered = async |url: &str| {
            scene.wire.command(&command).await;
            let recorded = kit::eventually(PATIENCE, "the payment", async || {
                Ok((scene.count("SELECT count(*) FROM payments").await == 1).then_some(()))
            });
            recorded.await.unwrap();
            assert!(tell(url, &declined).await.is_err());
        };
        scene.dies(failpoint, unanswered).await;
        assert_eq!(scene.count("SELECT count(*) FROM provider_events").await, 0, "{failpoint}");
        let stack = scene.start().await;
        for _ in 0..2 {
            assert_eq!(tell(&stack.url("payments"), &declined).await.unwrap().status(), StatusCode::NO_CONTENT);
        }
        is_refused(&scene.wire.reply(&command.step).await, "declined", "insufficient_funds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_it_dies_of_is_done_afterwards() {
    let scene = Scene::new().await;
    let command = charge("tok_visa_ok", 100);
    let customer_id = command.orders_customer_id;
    let erased = CustomerErased { customer_id, auth_user_id: Uuid::now_v7(), erased_at: Utc::now() };
    let erasing = async |_: &str| {
        is_done(&scene.wire.ask(&command).await);
        scene.wire.event(Event::new(customer_id.to_string(), 2, erased)).await;
    };
    scene.dies("payments.forget.after_note", erasing).await;
    assert_eq!(scene.count("SELECT count(*) FROM payments WHERE last_four IS NOT NULL").await, 1);
    let _stack = scene.start().await;
    let forgotten = kit::eventually(PATIENCE, "the last digits to be forgotten", async || {
        Ok((scene.count("SELECT count(*) FROM payments WHERE last_four IS NOT NULL").await == 0).then_some(()))
    });
    forgotten.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compensation_that_came_first_is_remembered_although_it_died() {
    let scene = Scene::new().await;
    let command = charge("tok_visa_ok", 100);
    let back = undo(&command);
    scene.dies("payments.undo.after_tombstone", async |_| scene.wire.command(&back).await).await;
    let _stack = scene.start().await;
    is_done(&scene.wire.reply(&back.step).await);
    is_refused(&scene.wire.ask(&command).await, "undone", "The charge was cancelled before it came.");
    assert!(scene.provider.ledger().await.charges.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_charge_once_each_and_one_goes_on_when_the_other_is_killed() {
    let scene = Scene::new().await;
    let (one, other) = (scene.start().await, scene.start().await);
    let commands: Vec<ChargePayment> = (1..=60).map(|minor| charge("tok_visa_ok", minor)).collect();
    for (number, command) in commands.iter().enumerate() {
        scene.wire.command(command).await;
        if number == 30 {
            one.kill9("payments").await.unwrap();
        }
    }
    for command in &commands {
        is_done(&scene.wire.reply(&command.step).await);
    }
    assert_eq!(scene.provider.ledger().await.charges.len(), commands.len());
    has_one_charge_each(&scene, &commands).await;
    // Nobody was told twice.
    let told = kit::eventually(PATIENCE, "every event", async || {
        Ok((scene.wire.heard(|_: &PaymentCaptured| true).len() == commands.len()).then_some(()))
    });
    told.await.unwrap();
    other.stop("payments").await.unwrap();
}

async fn has_one_charge_each(scene: &Scene, commands: &[ChargePayment]) {
    let mut amounts: Vec<i64> =
        scene.provider.ledger().await.charges.iter().map(|charge| charge.amount.minor).collect();
    amounts.sort_unstable();
    let wanted: Vec<i64> = commands.iter().map(|command| command.amount.minor).collect();
    assert_eq!(amounts, wanted);
}
