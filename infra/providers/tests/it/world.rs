//! One provider on a port of its own, in the test's process.

use axum::{Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use chassis::{Context, config::Common};
use providers::{
    config::Config,
    ledger::Everything,
    payment::{Charge, Refund},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    future::IntoFuture,
    path::Path,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "a secret that both know";

pub(crate) struct World {
    pub(crate) url: String,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) client: reqwest::Client,
    shutdown: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), None).await
    }

    pub(crate) async fn telling(heard: &Heard) -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), Some(&heard.url)).await
    }

    /// On a ledger that may be there already.
    pub(crate) async fn on(folder: Arc<TempDir>, webhooks: Option<&str>) -> Self {
        let client = chassis::client::new();
        let context = Context::new(
            Common::default(),
            metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle(),
        );
        let shutdown = context.shutdown.clone();
        let state = providers::assemble(&config(folder.path(), webhooks), &context).unwrap();
        let url = serve(providers::http::routes(state), &shutdown).await;
        Self { url: format!("{url}/payments/v1"), folder, client, shutdown }
    }

    pub(crate) fn post(&self, path: &str, key: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(SECRET);
        request.header("idempotency-key", key).json(body)
    }

    pub(crate) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(SECRET)
    }

    pub(crate) async fn charge(&self, key: &str, token: &str, minor: i64) -> Charge {
        let answer = self.post("/charges", key, &charge(token, minor)).send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }

    pub(crate) async fn refund(&self, charge: &Charge, key: &str, minor: i64) -> Result<Refund, u16> {
        let body = json!({"amount": {"minor": minor, "currency": "BRL"}});
        let answer = self.post(&format!("/charges/{}/refunds", charge.id), key, &body).send().await.unwrap();
        if answer.status() == 201 { Ok(answer.json().await.unwrap()) } else { Err(answer.status().as_u16()) }
    }

    pub(crate) async fn ledger(&self) -> Everything {
        self.get("/ledger").send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn faults(&self, faults: Value) {
        let request = self.client.put(format!("{}/faults", self.url)).bearer_auth(SECRET);
        let answer = request.json(&json!({"faults": faults, "seed": 1})).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) fn charge(token: &str, minor: i64) -> Value {
    json!({"amount": {"minor": minor, "currency": "BRL"}, "token": token, "method": "credit_card", "reference": "order"})
}

fn config(folder: &Path, webhooks: Option<&str>) -> Config {
    let config = json!({
        "secret": SECRET,
        "ledger": {"directory": folder},
        "webhooks": {"url": webhooks, "first_pause_ms": 10, "longest_pause_ms": 50},
    });
    serde_json::from_value(config).unwrap()
}

async fn serve(router: Router, shutdown: &CancellationToken) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (end, server) = (shutdown.clone(), axum::serve(listener, router).into_future());
    tokio::spawn(async move { end.run_until_cancelled(server).await });
    url
}

/// Hears webhooks, and answers as told: then 200.
pub(crate) struct Heard {
    pub(crate) url: String,
    inner: Arc<Mutex<Inner>>,
    shutdown: CancellationToken,
}

#[derive(Default)]
struct Inner {
    answers: VecDeque<u16>,
    heard: Vec<(String, Vec<u8>)>,
}

impl Heard {
    pub(crate) async fn answering(answers: impl IntoIterator<Item = u16>) -> Self {
        let inner = Arc::new(Mutex::new(Inner { answers: answers.into_iter().collect(), heard: Vec::new() }));
        let shutdown = CancellationToken::new();
        let router = Router::new().route("/hook", post(hear)).with_state(Arc::clone(&inner));
        let url = format!("{}/hook", serve(router, &shutdown).await);
        Self { url, inner, shutdown }
    }

    /// The signature and body of each webhook that was sent.
    pub(crate) fn all(&self) -> Vec<(String, Vec<u8>)> {
        self.inner.lock().unwrap().heard.clone()
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn hear(State(inner): State<Arc<Mutex<Inner>>>, headers: HeaderMap, body: axum::body::Bytes) -> StatusCode {
    let mut inner = inner.lock().unwrap();
    let signature = headers[providers::webhooks::SIGNATURE].to_str().unwrap().to_owned();
    inner.heard.push((signature, body.to_vec()));
    StatusCode::from_u16(inner.answers.pop_front().unwrap_or(200)).unwrap()
}
