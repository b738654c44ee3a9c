//! __name__ on a real engine, with a database of the test's own.

use axum::{Router, body::Body, http::Request, http::StatusCode};
use chassis::{App, Context, Service as _, config::Common, http::Limits};
use contracts::problem::Code;
use kit::answer::{Answer, request};
use kit::{Issuer, Sandbox};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use __name__::{Service, config::Config};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use uuid::Uuid;

struct World {
    router: Router,
    issuer: Issuer,
    shutdown: CancellationToken,
    _sandbox: Sandbox,
}

impl World {
    async fn new() -> Self {
        chassis::jwt::crypto::install();
        let sandbox = Sandbox::of(Service::NAME).await.unwrap();
        let issuer = Issuer::start().await.unwrap();
        let mut common = Common::default();
        common.jwt.jwks_url = issuer.jwks_url().parse().unwrap();
        let context = Context::new(common, PrometheusBuilder::new().build_recorder().handle());
        let served = App::serve::<Service>(config(&sandbox), context.clone()).await.unwrap();
        let router = chassis::http::full(served.router, &Limits::from(&context.common.http));
        Self { router, issuer, shutdown: context.shutdown, _sandbox: sandbox }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        Answer::read(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn config(sandbox: &Sandbox) -> Config {
    let config = json!({
        "__store__": __login__,
        "amqp": { "url": sandbox.amqp(Service::NAME) },
    });
    serde_json::from_value(config).unwrap()
}

#[tokio::test]
async fn a_note_is_read_by_its_writer_only() {
    let world = World::new().await;
    let [writer, other] = [(); 2].map(|()| world.issuer.token(Uuid::now_v7(), &["user"]));
    let body = Some(json!({ "text": "milk" }));
    let written = world.send(request("POST", "/v1/notes", Some(&writer), body)).await;
    let note: Value = written.json(StatusCode::CREATED);
    let path = format!("/v1/notes/{}", note["id"].as_str().unwrap());
    let read: Value = world.send(request("GET", &path, Some(&writer), None)).await.json(StatusCode::OK);
    assert_eq!((&read["text"], &read), (&json!("milk"), &note));
    world.send(request("GET", &path, Some(&other), None)).await.problem(Code::NotFound);
    world.send(request("GET", &path, None, None)).await.problem(Code::Unauthenticated);
}

#[tokio::test]
async fn an_empty_note_is_refused() {
    let world = World::new().await;
    let token = world.issuer.token(Uuid::now_v7(), &["user"]);
    let answer = world.send(request("POST", "/v1/notes", Some(&token), Some(json!({ "text": " " })))).await;
    answer.problem(Code::ValidationFailed);
}
