//! One payments in the test's own process, on databases of the test's own, with a provider and orders' end of the broker.

pub(crate) use kit::Answer;

use crate::{
    provider::{Provider, SECRET},
    wire,
};
use axum::http::StatusCode;
use chassis::{App, Context, config::Common, health::Health, http::Limits};
use contracts::{
    command::{Outcome, checkout::ChargePayment},
    rest::payments::{Payment, PaymentStatus},
};
use counterpart::Counterpart;
use kit::{Issuer, Sandbox};
use payments::{PaymentsService, config::Config};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{future::IntoFuture, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// On a machine that runs other tests beside.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) wire: Counterpart,
    pub(crate) issuer: Issuer,
    pub(crate) pool: PgPool,
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    pub(crate) health: Health,
    shutdown: CancellationToken,
    // Dropped after all that uses it.
    pub(crate) sandbox: Sandbox,
}

impl World {
    pub(crate) async fn new() -> Self {
        Box::pin(Self::with(json!({}))).await
    }

    /// With sections of the configuration replaced.
    pub(crate) async fn with(changes: Value) -> Self {
        let provider = Provider::start().await;
        let sandbox = Sandbox::of("payments").await.unwrap();
        let issuer = Issuer::start().await.unwrap();
        let wire = wire::open(&sandbox).await;
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let context =
            Context::new(common, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle());
        let shutdown = context.shutdown.clone();
        let config = config(&sandbox, &provider, &changes);
        let served = App::serve::<PaymentsService>(config, context.clone()).await.unwrap();
        let router = chassis::http::full(served.router, &Limits::from(&context.common.http));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let end = shutdown.clone();
        tokio::spawn(async move { end.run_until_cancelled(axum::serve(listener, router).into_future()).await });
        let pool = PgPool::connect(sandbox.postgres("payments")).await.unwrap();
        let (client, health) = (chassis::client::new(), context.health);
        Self { provider, wire, issuer, pool, url, client, health, shutdown, sandbox }
    }

    /// Has the provider tell this payments of outcomes.
    pub(crate) async fn with_webhooks(self) -> Self {
        self.provider.come_back(Some(format!("{}/v1/webhooks/provider", self.url))).await;
        self
    }

    pub(crate) fn operator(&self) -> String {
        self.issuer.token(Uuid::now_v7(), &["user", "operator"])
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url)).bearer_auth(token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Answer::of(request).await
    }

    pub(crate) async fn refund(&self, payment: Uuid, key: &str, minor: i64) -> Answer {
        let path = format!("{}/v1/payments/{payment}/refunds", self.url);
        let body = json!({"amount": {"minor": minor, "currency": "BRL"}, "reason": "a dent"});
        let request = self.client.post(path).bearer_auth(self.issuer.token(Uuid::nil(), &["user", "operator"]));
        Answer::of(request.header("idempotency-key", key).json(&body)).await
    }

    pub(crate) async fn payment(&self, command: &ChargePayment) -> Payment {
        let path = format!("/v1/orders/{}/payment", command.orders_order_id);
        self.ask("GET", &path, &self.operator(), None).await.json(StatusCode::OK)
    }

    /// Waits until the payment has this status.
    pub(crate) async fn reaches(&self, command: &ChargePayment, status: PaymentStatus) -> Payment {
        let reached = kit::eventually(SOON, "the payment's status", async || {
            let path = format!("/v1/orders/{}/payment", command.orders_order_id);
            let answer = self.ask("GET", &path, &self.operator(), None).await;
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

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.pool).await.unwrap();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) fn config(sandbox: &Sandbox, provider: &Provider, changes: &Value) -> Config {
    let mut config = json!({
        "postgres": {"url": sandbox.postgres("payments")},
        "amqp": {"url": sandbox.amqp("payments")},
        "provider": {"url": provider.url(), "secret": SECRET, "timeout_ms": 1_000, "breaker_open_ms": 200,
            "breaker_open_longest_ms": 500},
        "worker": {"lease_ms": 3_000, "sweep_ms": 100, "first_pause_ms": 50, "longest_pause_ms": 500},
    });
    for (section, keys) in changes.as_object().unwrap() {
        for (key, value) in keys.as_object().unwrap() {
            config[section][key] = value.clone();
        }
    }
    serde_json::from_value(config).unwrap()
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
