//! What tests of shortener do again and again.

pub(crate) use harness::{Answer, request, with};

use axum::http::StatusCode;
use contracts::rest::shortener::Link;
use harness::merged;
use kit::Sandbox;
use mongodb::Database;
use serde_json::{Value, json};
use shortener::Shortener;
use std::{ops::Deref, sync::Arc};
use tempfile::TempDir;

pub(crate) const TARGET: &str = "https://shop.example/a";

/// The user is an owner of links.
pub(crate) struct TestApp {
    app: harness::TestApp<Shortener>,
    pub(crate) spool: TempDir,
}

impl Deref for TestApp {
    type Target = harness::TestApp<Shortener>;

    fn deref(&self) -> &Self::Target {
        &self.app
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(Sandbox::of("shortener").await.unwrap()), json!({})).await
    }

    /// On a sandbox, with the configuration changed.
    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> Self {
        let spool = tempfile::tempdir().unwrap();
        let app = harness::TestApp::on(sandbox, merged(settings(&spool), &changes)).await;
        Self { app, spool }
    }

    /// Another process on the same databases.
    pub(crate) async fn beside(&self) -> Self {
        let spool = tempfile::tempdir().unwrap();
        let app = self.app.beside(&settings(&spool)).await.unwrap();
        Self { app, spool }
    }

    pub(crate) async fn database(&self) -> Database {
        database(&self.sandbox).await
    }

    /// Makes a link of the owner's.
    pub(crate) async fn create(&self, body: Value) -> Link {
        self.as_user("POST", "/v1/links", Some(body)).await.json(StatusCode::CREATED)
    }

    /// Makes a link with nothing special.
    pub(crate) async fn link(&self) -> Link {
        self.create(json!({"url": TARGET})).await
    }

    /// Follows a link as a visitor.
    pub(crate) async fn follow(&self, code: &str) -> Answer {
        self.send(request("GET", &format!("/{code}"), None, None)).await
    }

    pub(crate) async fn read(&self, code: &str) -> Link {
        self.get(&format!("/v1/links/{code}"), &self.token).await
    }
}

pub(crate) async fn database(sandbox: &Sandbox) -> Database {
    let login = sandbox.mongo("shortener");
    let client = mongodb::Client::with_uri_str(&login.url).await.unwrap();
    client.database(&login.database)
}

fn settings(spool: &TempDir) -> Value {
    json!({
        "links": {"public_url": "https://v.example/r"},
        "spool": {"directory": spool.path(), "sync_interval_ms": 20},
    })
}
