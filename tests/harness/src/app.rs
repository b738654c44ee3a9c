//! A service in the test's own process.

use crate::{Answer, Issuer, PATIENCE, config, request, sql};
use axum::{
    body::Body,
    http::{Request, StatusCode},
    response::Response,
};
use chassis::{
    App, Context, Service,
    app::Served,
    config::Common,
    health::Health,
    http::{Acceptor, Limits},
    server,
};
use contracts::problem::Code;
use kit::{Engine, Sandbox, eventually, units};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::{marker::PhantomData, net::SocketAddr, sync::Arc};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use uuid::Uuid;

/// A service on port 0, with databases and logins of its own. It ends when it is dropped.
pub struct TestApp<S> {
    /// Signs the tokens that the service takes.
    pub issuer: Arc<Issuer>,
    /// A user.
    pub user: Uuid,
    /// The user's token.
    pub token: String,
    /// An operator's token.
    pub operator: String,
    /// What the service reports of its dependencies.
    pub health: Health,
    /// Where the service listens.
    pub url: String,
    acceptor: Acceptor,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    pool: Option<PgPool>,
    settings: Value,
    service: PhantomData<fn() -> S>,
    /// Last, so that it is dropped last.
    pub sandbox: Arc<Sandbox>,
}

impl<S: Service> TestApp<S> {
    /// Starts the service in a sandbox of its own.
    pub async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// Starts the service in a sandbox of its own, with these settings besides its logins.
    pub async fn with(settings: Value) -> Self {
        Self::on(Arc::new(Sandbox::of(S::NAME).await.unwrap()), settings).await
    }

    /// Starts the service in this sandbox.
    pub async fn on(sandbox: Arc<Sandbox>, settings: Value) -> Self {
        let issuer = Arc::new(Issuer::start().await.unwrap());
        Self::build(sandbox, issuer, settings, App::serve::<S>).await.unwrap()
    }

    /// Starts another process of the service on the same databases, with its settings changed.
    ///
    /// # Errors
    /// Fails when the service does not start.
    pub async fn beside(&self, changes: &Value) -> anyhow::Result<Self> {
        self.build_beside(changes, App::serve::<S>).await
    }

    /// Like [`beside`](Self::beside), but for a service that `build` puts together.
    ///
    /// # Errors
    /// Fails when `build` does.
    pub async fn build_beside(
        &self,
        changes: &Value,
        build: impl AsyncFnOnce(S::Config, Context) -> anyhow::Result<Served>,
    ) -> anyhow::Result<Self> {
        let settings = config::merged(self.settings.clone(), changes);
        let mut other = Self::build(Arc::clone(&self.sandbox), Arc::clone(&self.issuer), settings, build).await?;
        other.user = self.user;
        other.token.clone_from(&self.token);
        Ok(other)
    }

    /// Starts what `build` puts together: for tests that look at the service's parts.
    ///
    /// # Errors
    /// Fails when `build` does.
    pub async fn build(
        sandbox: Arc<Sandbox>,
        issuer: Arc<Issuer>,
        settings: Value,
        build: impl AsyncFnOnce(S::Config, Context) -> anyhow::Result<Served>,
    ) -> anyhow::Result<Self> {
        chassis::jwt::crypto::install();
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse()?;
        let context = Context::new(common, PrometheusBuilder::new().build_recorder().handle());
        let served = build(configured::<S>(&sandbox, &settings), context.clone()).await?;
        let limits = Limits::from(&context.common.http);
        let router = chassis::http::joined(served.router, served.bare, &limits);
        let acceptor = Acceptor::new(router, served.fast_path, &limits);

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let http = context.common.http.clone();
        tokio::spawn(server::serve(listener, acceptor.clone(), http, context.shutdown.clone()));

        let has_postgres = units::named(S::NAME).is_some_and(|unit| unit.engines.contains(&Engine::Postgres));
        let pool = has_postgres.then(|| PgPool::connect_lazy(sandbox.postgres(S::NAME))).transpose()?;
        let user = Uuid::now_v7();
        let (token, operator) = (issuer.token(user, &["user"]), issuer.token(Uuid::now_v7(), &["user", "operator"]));
        let Context { health, shutdown, tasks, .. } = context;
        let service = PhantomData;
        Ok(Self {
            issuer,
            user,
            token,
            operator,
            health,
            url,
            acceptor,
            shutdown,
            tasks,
            pool,
            settings,
            service,
            sandbox,
        })
    }

    /// The configuration that it was started with.
    #[must_use]
    pub fn config(&self) -> S::Config {
        configured::<S>(&self.sandbox, &self.settings)
    }
}

impl<S> TestApp<S> {
    /// Ends as a process does that is told to.
    pub async fn end(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// The token of a new user.
    #[must_use]
    pub fn stranger(&self) -> String {
        self.issuer.token(Uuid::now_v7(), &["user"])
    }

    /// Sends a request and gives the answer before its body has come.
    pub async fn stream(&self, request: Request<Body>) -> Response {
        // As if from the machine itself, which is trusted to say for whom it speaks.
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        self.acceptor.facing(peer).oneshot(request).await.unwrap()
    }

    /// Sends a request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.stream(request).await).await
    }

    /// Asks with a token.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        self.send(request(method, path, Some(token), body)).await
    }

    /// Asks as the user.
    pub async fn as_user(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask(method, path, &self.token, body).await
    }

    /// Asks as an operator.
    pub async fn as_operator(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.ask(method, path, &self.operator, body).await
    }

    /// Reads what must be there.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, token: &str) -> T {
        self.ask("GET", path, token, None).await.json(StatusCode::OK)
    }

    /// Waits until this is answered with 200 several times in a row, and with 503 until then: a pool may hold more than
    /// one connection that was cut off.
    pub async fn is_read_again(&self, path: &str, token: &str) {
        let read = async || {
            for _ in 0..5 {
                let answer = self.ask("GET", path, token, None).await;
                if answer.status != StatusCode::OK {
                    answer.problem(Code::Unavailable);
                    return Ok(None);
                }
            }
            Ok(Some(()))
        };
        eventually(PATIENCE, "connections that were cut off to be made again", read).await.unwrap();
    }

    /// The service's database.
    ///
    /// # Panics
    /// When it has none on Postgres.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.pool.as_ref().expect("a database on Postgres")
    }

    /// See [`sql::count`].
    pub async fn count(&self, sql: &str) -> i64 {
        sql::count(self.pool(), sql).await
    }

    /// Runs a statement that the database takes.
    pub async fn execute(&self, sql: &str) {
        sql::execute(self.pool(), sql).await.unwrap();
    }

    /// See [`sql::eventually`].
    pub async fn eventually(&self, what: &str, sql: &str) {
        sql::eventually(self.pool(), what, sql).await;
    }
}

impl<S> Drop for TestApp<S> {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn configured<S: Service>(sandbox: &Sandbox, settings: &Value) -> S::Config {
    serde_json::from_value(config::merged(config::logins(sandbox, S::NAME), settings)).unwrap()
}
