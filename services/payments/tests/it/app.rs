//! What tests of payments do again and again, with a provider and orders' end of the broker.

use crate::{
    provider::{Provider, SECRET},
    wire,
};
use axum::http::StatusCode;
use contracts::{
    command::{Outcome, checkout::ChargePayment},
    rest::payments::{Payment, PaymentStatus},
};
use harness::{Answer, FakePeer, PATIENCE, merged, request, with};
use kit::Sandbox;
use payments::PaymentsService;
use serde_json::{Value, json};
use std::{ops::Deref, sync::Arc};
use uuid::Uuid;

pub(crate) struct TestApp {
    pub(crate) provider: Provider,
    pub(crate) wire: FakePeer,
    app: harness::TestApp<PaymentsService>,
}

impl Deref for TestApp {
    type Target = harness::TestApp<PaymentsService>;

    fn deref(&self) -> &Self::Target {
        &self.app
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With the configuration changed.
    pub(crate) async fn with(changes: Value) -> Self {
        let provider = Provider::start().await;
        let sandbox = Arc::new(Sandbox::of("payments").await.unwrap());
        let wire = wire::open(&sandbox).await;
        let app = harness::TestApp::on(sandbox, merged(settings(&provider), &changes)).await;
        Self { provider, wire, app }
    }

    /// Has the provider tell this payments of outcomes.
    pub(crate) async fn with_webhooks(self) -> Self {
        self.provider.come_back(Some(format!("{}/v1/webhooks/provider", self.url))).await;
        self
    }

    pub(crate) async fn refund(&self, payment: Uuid, key: &str, minor: i64) -> Answer {
        let body = json!({"amount": {"minor": minor, "currency": "BRL"}, "reason": "a dent"});
        let path = format!("/v1/payments/{payment}/refunds");
        self.send(with(request("POST", &path, Some(&self.operator), Some(body)), "idempotency-key", key)).await
    }

    pub(crate) async fn payment(&self, command: &ChargePayment) -> Payment {
        let path = format!("/v1/orders/{}/payment", command.orders_order_id);
        self.get(&path, &self.operator).await
    }

    /// Waits until the payment has this status.
    pub(crate) async fn reaches(&self, command: &ChargePayment, status: PaymentStatus) -> Payment {
        let reached = kit::eventually(PATIENCE, "the payment's status", async || {
            let path = format!("/v1/orders/{}/payment", command.orders_order_id);
            let answer = self.as_operator("GET", &path, None).await;
            if answer.status != StatusCode::OK {
                return Ok(None);
            }
            let payment: Payment = answer.json(StatusCode::OK);
            anyhow::ensure!(payment.status == status, "it is {:?}", payment.status);
            Ok(Some(payment))
        });
        reached.await.unwrap()
    }

    /// Sends the command and waits for the reply.
    pub(crate) async fn charged(&self, command: &ChargePayment) -> Outcome {
        self.wire.ask(command).await
    }

    /// The provider has exactly one charge for the command, and nothing waits to be called.
    pub(crate) async fn has_one_charge(&self, command: &ChargePayment) {
        let key = format!("{}:{}", command.step.saga_id, command.step.step);
        let charges = self.provider.ledger().await.charges;
        assert_eq!(charges.iter().filter(|charge| charge.idempotency_key == key).count(), 1, "{charges:?}");
        assert_eq!(self.count("SELECT count(*) FROM provider_calls").await, 0);
    }
}

fn settings(provider: &Provider) -> Value {
    json!({
        "provider": {"url": provider.url(), "secret": SECRET, "timeout_ms": 1_000, "breaker_open_ms": 200,
            "breaker_open_longest_ms": 500},
        "worker": {"lease_ms": 3_000, "sweep_ms": 100, "first_pause_ms": 50, "longest_pause_ms": 500},
    })
}

#[track_caller]
pub(crate) fn is_done(outcome: &Outcome) {
    assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
}

#[track_caller]
pub(crate) fn is_refused(outcome: &Outcome, code: &str, message: &str) {
    let Outcome::Refused { code: is, message: says } = outcome else { panic!("{outcome:?}") };
    assert_eq!((is.as_str(), says.as_str()), (code, message));
}
