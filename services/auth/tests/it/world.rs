//! One auth in the test's own process, on databases of the test's own.

pub(crate) use kit::answer::{Answer, request, with};

use auth::{app::Accounts, config::Config};
use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, StatusCode},
};
use chassis::{App, Context, config::Common, http::Limits};
use contracts::rest::auth::{Session, User};
use kit::Sandbox;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{net::SocketAddr, sync::Arc};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "uma senha bem longa";
/// 32 bytes in base64.
pub(crate) const SEALING_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) accounts: Accounts,
    pub(crate) pool: PgPool,
    router: Router,
    shutdown: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With sections of the configuration replaced.
    pub(crate) async fn with(changes: Value) -> Self {
        let sandbox = Sandbox::of("auth").await.unwrap();
        Self::on(Arc::new(sandbox), changes).await.unwrap()
    }

    /// Another process on the same databases.
    pub(crate) async fn beside(&self, changes: Value) -> anyhow::Result<Self> {
        Self::on(Arc::clone(&self.sandbox), changes).await
    }

    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> anyhow::Result<Self> {
        chassis::jwt::crypto::install();
        let context = Context::new(
            Common::default(),
            metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle(),
        );
        let shutdown = context.shutdown.clone();
        let mut app = App::new("auth", context.clone());
        let state = auth::state(config(&sandbox, &changes), &mut app).await?;
        let accounts = state.accounts.clone();
        let served = app.finish(auth::http::routes(state)).await?;
        let router = chassis::http::full(served.router, &Limits::from(&context.common.http));
        let pool = PgPool::connect(sandbox.postgres("auth")).await?;
        Ok(Self { sandbox, accounts, pool, router, shutdown })
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        // As if from the machine itself, which is trusted to say for whom it speaks.
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(ConnectInfo(peer));
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(request("POST", path, None, Some(body))).await
    }

    pub(crate) async fn post_from(&self, address: &str, path: &str, body: Value) -> Answer {
        let request = request("POST", path, None, Some(body));
        self.send(with(request, "x-forwarded-for", address)).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(request("GET", path, Some(token), None)).await
    }

    pub(crate) async fn register(&self, email: &str) -> Session {
        let answer = self.post("/v1/users", registration(email)).await;
        answer.json(StatusCode::CREATED)
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/v1/sessions", json!({"email": email, "password": password})).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/sessions/refresh", json!({"refresh_token": token})).await
    }

    pub(crate) async fn log_out(&self, token: &str) -> Answer {
        self.post("/v1/sessions/revoke", json!({"refresh_token": token})).await
    }

    pub(crate) async fn change_password(&self, token: &str, current: &str, new: &str) -> Answer {
        let body = json!({"current_password": current, "new_password": new});
        self.send(request("PUT", "/v1/users/me/password", Some(token), Some(body))).await
    }

    pub(crate) async fn delete_account(&self, token: &str, password: &str) -> Answer {
        self.send(request("DELETE", "/v1/users/me", Some(token), Some(json!({"password": password})))).await
    }

    pub(crate) async fn me(&self, token: &str) -> User {
        self.get("/v1/users/me", token).await.json(StatusCode::OK)
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

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "full_name": "Ana Silva"})
}

/// One limit of the configuration.
pub(crate) fn limit(attempts: u32, seconds: u32) -> Value {
    json!({"attempts": attempts, "seconds": seconds})
}

fn config(sandbox: &Sandbox, changes: &Value) -> Config {
    let wide = limit(100_000, 60);
    let mut config = json!({
        "postgres": {"url": sandbox.postgres("auth"), "max_connections": 5},
        "amqp": {"url": sandbox.amqp("auth")},
        "keys": {"encryption_key": SEALING_KEY},
        "limits": {"login_per_address": wide, "register_per_address": wide},
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}
