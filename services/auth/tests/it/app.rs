//! What tests of auth do again and again.

pub(crate) use harness::{Answer, request, with};

use auth::{Auth, app::Accounts, config::Config};
use axum::http::StatusCode;
use chassis::{App, Context, app::Served};
use contracts::rest::auth::{Session, User};
use harness::{Issuer, merged};
use kit::Sandbox;
use serde_json::{Value, json};
use std::{ops::Deref, sync::Arc};

pub(crate) const PASSWORD: &str = "uma senha bem longa";
/// 32 bytes in base64.
pub(crate) const SEALING_KEY: &str = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";

pub(crate) struct TestApp {
    pub(crate) accounts: Accounts,
    app: harness::TestApp<Auth>,
}

impl Deref for TestApp {
    type Target = harness::TestApp<Auth>;

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
        Self::on(Arc::new(Sandbox::of("auth").await.unwrap()), changes).await.unwrap()
    }

    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> anyhow::Result<Self> {
        let (issuer, mut accounts) = (Arc::new(Issuer::start().await?), None);
        let settings = merged(settings(), &changes);
        let build = async |config, context| build(config, context, &mut accounts).await;
        let app = harness::TestApp::build(sandbox, issuer, settings, build).await?;
        Ok(Self { accounts: accounts.unwrap(), app })
    }

    /// Another process on the same databases.
    pub(crate) async fn beside(&self, changes: &Value) -> anyhow::Result<Self> {
        let mut accounts = None;
        let build = async |config, context| build(config, context, &mut accounts).await;
        let app = self.app.build_beside(changes, build).await?;
        Ok(Self { accounts: accounts.unwrap(), app })
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(request("POST", path, None, Some(body))).await
    }

    pub(crate) async fn post_from(&self, address: &str, path: &str, body: Value) -> Answer {
        let request = request("POST", path, None, Some(body));
        self.send(with(request, "x-forwarded-for", address)).await
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
        self.ask("PUT", "/v1/users/me/password", token, Some(body)).await
    }

    pub(crate) async fn delete_account(&self, token: &str, password: &str) -> Answer {
        self.ask("DELETE", "/v1/users/me", token, Some(json!({"password": password}))).await
    }

    pub(crate) async fn me(&self, token: &str) -> User {
        self.get("/v1/users/me", token).await
    }
}

/// Builds auth as its program does, and keeps the use cases for the test.
async fn build(config: Config, context: Context, accounts: &mut Option<Accounts>) -> anyhow::Result<Served> {
    let mut app = App::new("auth", context);
    let state = auth::state(config, &mut app).await?;
    *accounts = Some(state.accounts.clone());
    app.finish(auth::http::routes(state)).await
}

pub(crate) fn registration(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "full_name": "Ana Silva"})
}

/// One limit of the configuration.
pub(crate) fn limit(attempts: u32, seconds: u32) -> Value {
    json!({"attempts": attempts, "seconds": seconds})
}

fn settings() -> Value {
    let wide = limit(100_000, 60);
    json!({
        "postgres": {"max_connections": 5},
        "keys": {"encryption_key": SEALING_KEY},
        "limits": {"login_per_address": wide, "register_per_address": wide},
    })
}
