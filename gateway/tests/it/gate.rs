//! A gateway under test and the services that it believes to have.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use chassis::http::{Acceptor, joined};
use chassis::{App, Service};
use gateway::Gateway;
use gateway::config::Config;
use harness::Issuer;
use kit::Sandbox;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Everything one test needs. Ends when dropped.
pub(crate) struct Gate {
    pub(crate) url: String,
    pub(crate) operators_url: String,
    pub(crate) auth: MockServer,
    pub(crate) shortener: MockServer,
    pub(crate) analytics: MockServer,
    pub(crate) orders: MockServer,
    pub(crate) inventory: MockServer,
    pub(crate) payments: MockServer,
    pub(crate) issuer: Issuer,
    pub(crate) user: Uuid,
    pub(crate) client: reqwest::Client,
    _sandbox: Sandbox,
    config: Value,
    context: chassis::Context,
}

/// Another copy of a gateway, on the same Redis.
pub(crate) struct Beside {
    pub(crate) url: String,
    context: chassis::Context,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

/// One recorder for the whole process: there can be no second.
fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().expect("the first recorder")).clone()
}

impl Gate {
    pub(crate) async fn start() -> Self {
        Self::with(json!({})).await
    }

    /// Starts a gateway whose configuration is changed by `changes`, as a file would.
    pub(crate) async fn with(changes: Value) -> Self {
        chassis::jwt::crypto::install();
        let (auth, shortener, analytics) = tokio::join!(MockServer::start(), MockServer::start(), MockServer::start());
        let (orders, inventory, payments) = tokio::join!(MockServer::start(), MockServer::start(), MockServer::start());
        let sandbox = Sandbox::of("gateway").await.expect("Redis for tests runs");
        let issuer = Issuer::start().await.expect("a port is free");
        let (redis, limits) = (sandbox.redis("gateway"), sandbox.limits("gateway"));
        let mut config = json!({
            "redis": { "url": redis.url, "prefix": redis.prefix },
            // On a busy machine Redis takes its time, and these tests count.
            "limits": { "redis": { "url": limits.url, "prefix": limits.prefix }, "patience_ms": 1_000 },
            "graphql": { "persisted": { "patience_ms": 1_000 } },
            "upstreams": {
                "auth": { "url": auth.uri() },
                "shortener": { "url": shortener.uri() },
                "analytics": { "url": analytics.uri() },
                "orders": { "url": orders.uri() },
                "inventory": { "url": inventory.uri() },
                "payments": { "url": payments.uri() },
            },
        });
        merge(&mut config, changes);
        let context = context(&issuer);
        let (url, operators_url) = start(&config, &context).await;
        let client = chassis::client::new();
        let user = Uuid::now_v7();
        Self {
            url,
            operators_url,
            auth,
            shortener,
            analytics,
            orders,
            inventory,
            payments,
            issuer,
            user,
            client,
            _sandbox: sandbox,
            config,
            context,
        }
    }

    /// Starts another gateway beside this one.
    pub(crate) async fn beside(&self) -> Beside {
        let context = context(&self.issuer);
        let (url, _) = start(&self.config, &context).await;
        Beside { url, context }
    }

    /// The gateway's Redis.
    pub(crate) async fn redis(&self) -> redis::aio::MultiplexedConnection {
        let url = self.config["redis"]["url"].as_str().expect("a URL");
        let client = redis::Client::open(url).expect("it is a URL");
        client.get_multiplexed_async_connection().await.expect("a connection")
    }

    /// The whole name of a key in it.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.config["redis"]["prefix"].as_str().expect("a prefix"))
    }

    /// Tells the gateway to end.
    pub(crate) fn shut_down(&self) {
        self.context.shutdown.cancel();
    }

    /// Whether a dependency is there, as readiness tells.
    pub(crate) async fn is_up(&self, dependency: &str) -> bool {
        self.context.health.report().await.dependencies[dependency].up
    }

    pub(crate) fn token(&self) -> String {
        self.issuer.token(self.user, &["user"])
    }

    pub(crate) fn operator(&self) -> String {
        self.issuer.token(self.user, &["user", "operator"])
    }

    /// Asks a query as the user.
    pub(crate) async fn ask(&self, query: &str) -> Value {
        self.ask_as(&self.token(), query).await
    }

    pub(crate) async fn ask_as(&self, token: &str, query: &str) -> Value {
        let request = self.client.post(format!("{}/graphql", self.url)).bearer_auth(token);
        let answer = request.json(&json!({ "query": query })).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{query}");
        answer.json().await.expect("JSON")
    }

    /// Asks without a token.
    pub(crate) async fn ask_anonymously(&self, query: &str) -> Value {
        let request = self.client.post(format!("{}/graphql", self.url)).json(&json!({ "query": query }));
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url)).bearer_auth(self.token()).send().await.expect("an answer")
    }

    /// Tells how a breaker stands, as operators see it.
    pub(crate) async fn breaker(&self, name: &str) -> Value {
        let request = self.client.get(format!("{}/breakers/{name}", self.operators_url)).bearer_auth(self.operator());
        request.send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Waits until a breaker is in a state.
    pub(crate) async fn until(&self, breaker: &str, state: &str) {
        let what = format!("{breaker} to be {state}");
        let probe = async || Ok((self.breaker(breaker).await["state"] == state).then_some(()));
        kit::eventually(Duration::from_secs(10), &what, probe).await.expect("the breaker moves");
    }
}

/// Starts a gateway; returns its address and the operators'.
async fn start(config: &Value, context: &chassis::Context) -> (String, String) {
    let config: Config = serde_json::from_value(config.clone()).expect("a configuration");
    let served = App::serve::<Gateway>(config, context.clone()).await.expect("the gateway starts");
    let limits = chassis::http::Limits::from(&context.common.http);
    let router = joined(served.router, served.bare, &limits);
    let (_, operators) = served.listeners.into_iter().next().expect("the operators' address");
    tokio::join!(serve(router, context), serve(operators, context))
}

fn context(issuer: &Issuer) -> chassis::Context {
    let mut common = chassis::config::Common::default();
    common.http.request_timeout_ms = Gateway::REQUEST_TIMEOUT.as_millis().try_into().ok();
    common.jwt.jwks_url = issuer.jwks_url().parse().expect("a URL");
    chassis::Context {
        verifier: chassis::jwt::Verifier::new(&common.jwt),
        common,
        shutdown: tokio_util::sync::CancellationToken::new(),
        tasks: tokio_util::task::TaskTracker::new(),
        health: chassis::health::Health::default(),
        metrics: metrics(),
    }
}

async fn serve(router: Router, context: &chassis::Context) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("an address");
    let http = &context.common.http;
    let acceptor = Acceptor::new(router, None, &chassis::http::Limits::from(http));
    tokio::spawn(chassis::server::serve(listener, acceptor, http.clone(), context.shutdown.clone()));
    format!("http://{address}")
}

/// A service made of a router, for what wiremock cannot play.
pub(crate) async fn service(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

fn merge(base: &mut Value, changes: Value) {
    match (base, changes) {
        (Value::Object(base), Value::Object(changes)) => {
            for (key, change) in changes {
                merge(base.entry(key).or_insert(Value::Null), change);
            }
        }
        (base, change) => *base = change,
    }
}

/// A link as shortener tells it.
pub(crate) fn link(code: &str) -> Value {
    json!({
        "id": Uuid::now_v7(), "code": code, "url": format!("https://shop.example/{code}"),
        "short_url": format!("http://localhost/r/{code}"), "title": null, "tags": ["promo"],
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z", "expires_at": null,
        "max_clicks": null, "redirect_status": 302, "forward_query": false, "fallback_url": null,
        "click_count": 3, "active": true, "version": 1,
    })
}

/// Plays `GET /v1/links/{code}`.
pub(crate) async fn has_link(shortener: &MockServer, code: &str) {
    answers(shortener, "GET", &format!("/v1/links/{code}"), 200, link(code)).await;
}

/// Plays one route that always answers the same.
pub(crate) async fn answers(service: &MockServer, verb: &str, at: &str, status: u16, body: Value) {
    let answer = ResponseTemplate::new(status).set_body_json(body);
    Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(service).await;
}

/// How many requests of a method and path a service was sent.
pub(crate) async fn requests(service: &MockServer, method: &str, path: &str) -> usize {
    let all = service.received_requests().await.expect("requests are recorded");
    all.iter().filter(|request| request.method.as_str() == method && request.url.path() == path).count()
}

/// The code of the first error.
pub(crate) fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}
