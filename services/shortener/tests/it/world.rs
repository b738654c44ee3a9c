//! One shortener in the test's own process, on databases of the test's own.

pub(crate) use kit::answer::{Answer, request, with};

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use chassis::{
    App, Context,
    config::Common,
    health::Health,
    http::{Acceptor, Limits},
};
use contracts::rest::shortener::Link;
use kit::{Issuer, Sandbox, Stack};
use mongodb::Database;
use serde_json::{Value, json};
use shortener::{Shortener, config::Config};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;
use uuid::Uuid;

/// How long a condition may take to come true on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
pub(crate) const TARGET: &str = "https://shop.example/a";

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) issuer: Arc<Issuer>,
    /// An owner.
    pub(crate) owner: Uuid,
    /// The owner's token.
    pub(crate) token: String,
    pub(crate) health: Health,
    pub(crate) spool: TempDir,
    acceptor: Acceptor,
    shutdown: CancellationToken,
    tasks: TaskTracker,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(Sandbox::of("shortener").await.unwrap()), json!({})).await
    }

    /// On a sandbox, with sections of the configuration replaced.
    pub(crate) async fn on(sandbox: Arc<Sandbox>, changes: Value) -> Self {
        let issuer = Arc::new(Issuer::start().await.unwrap());
        Self::start(sandbox, issuer, changes).await
    }

    /// Another process on the same databases.
    pub(crate) async fn beside(&self) -> Self {
        let mut other = Self::start(Arc::clone(&self.sandbox), Arc::clone(&self.issuer), json!({})).await;
        other.owner = self.owner;
        other.token.clone_from(&self.token);
        other
    }

    async fn start(sandbox: Arc<Sandbox>, issuer: Arc<Issuer>, changes: Value) -> Self {
        chassis::jwt::crypto::install();
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let context =
            Context::new(common, metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle());
        let spool = tempfile::tempdir().unwrap();
        let served = App::serve::<Shortener>(config(&sandbox, &spool, &changes), context.clone()).await.unwrap();
        let limits = Limits::from(&context.common.http);
        let router = chassis::http::joined(served.router, served.bare, &limits);
        let acceptor = Acceptor::new(router, served.fast_path, &limits);
        let owner = Uuid::now_v7();
        let token = issuer.token(owner, &["user"]);
        let Context { health, shutdown, tasks, .. } = context;
        Self { sandbox, issuer, owner, token, health, spool, acceptor, shutdown, tasks }
    }

    /// Ends as a process does that is told to.
    pub(crate) async fn end(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The token of somebody else.
    pub(crate) fn stranger(&self) -> String {
        self.issuer.token(Uuid::now_v7(), &["user"])
    }

    pub(crate) async fn database(&self) -> Database {
        database(&self.sandbox).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        // As if from the machine itself, which is trusted to say for whom it speaks.
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        Answer::read(self.acceptor.facing(peer).oneshot(request).await.unwrap()).await
    }

    /// Asks as the owner.
    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(request(method, path, Some(&self.token), body)).await
    }

    /// Makes a link of the owner's.
    pub(crate) async fn create(&self, body: Value) -> Link {
        self.ask("POST", "/v1/links", Some(body)).await.json(StatusCode::CREATED)
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
        self.ask("GET", &format!("/v1/links/{code}"), None).await.json(StatusCode::OK)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub(crate) async fn database(sandbox: &Sandbox) -> Database {
    let login = sandbox.mongo("shortener");
    let client = mongodb::Client::with_uri_str(&login.url).await.unwrap();
    client.database(&login.database)
}

/// Starts the program itself, which dies at a failpoint, if there is one.
pub(crate) async fn program(sandbox: &Sandbox, issuer: &Issuer, failpoint: &str) -> Stack {
    let builder = Stack::builder(sandbox).env("shortener", "SHORTENER_JWT__JWKS_URL", issuer.jwks_url());
    builder.env("shortener", "FAILPOINTS", failpoint).start(&["shortener"]).await.unwrap()
}

fn config(sandbox: &Sandbox, spool: &TempDir, changes: &Value) -> Config {
    let (mongo, redis) = (sandbox.mongo("shortener"), sandbox.redis("shortener"));
    let mut all = json!({
        "mongo": {"url": mongo.url, "database": mongo.database},
        "redis": {"url": redis.url, "prefix": redis.prefix},
        "amqp": {"url": sandbox.amqp("shortener")},
        "links": {"public_url": "https://v.example/r"},
        "spool": {"directory": spool.path(), "sync_interval_ms": 20},
    });
    for (section, value) in changes.as_object().unwrap() {
        let target = all[section].as_object_mut();
        match (target, value.as_object()) {
            (Some(target), Some(value)) => target.extend(value.clone()),
            _ => all[section] = value.clone(),
        }
    }
    serde_json::from_value(all).unwrap()
}
