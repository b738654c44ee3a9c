//! Every operation of the description has its unauthorised and its malformed case: they are made
//! from the description, so that an operation that is added is tried too.

use crate::app::{TestApp, request};
use axum::{body::Body, http::Request};
use contracts::problem::Code;
use harness::Operation;
use serde_json::json;
use uuid::Uuid;

fn operations() -> Vec<Operation> {
    Operation::all(&shortener::http::openapi())
}

fn asking(operation: &Operation, token: Option<&str>) -> Request<Body> {
    let body = operation.takes_body.then(|| json!({}));
    request(&operation.method, &operation.path_of("abcdefg"), token, body)
}

#[test]
fn only_redirects_are_open_to_everybody() {
    let operations = operations();
    let mut open: Vec<_> = operations.iter().filter(|operation| !operation.needs_token).map(Operation::route).collect();
    open.sort_unstable();
    assert_eq!(open, ["GET /{code}", "HEAD /{code}"]);
    assert_eq!(operations.len(), 10);
}

#[tokio::test]
async fn without_a_good_token_every_other_operation_answers_401() {
    let app = TestApp::new().await;
    let user = Uuid::now_v7();
    let (expired, forged) = (app.issuer.expired(user), app.issuer.forged(user).unwrap());
    let elsewhere = app.issuer.token_with(user, |claims| claims["aud"] = "elsewhere".into());
    for operation in operations().iter().filter(|operation| operation.needs_token) {
        let answer = app.send(asking(operation, None)).await;
        answer.problem(Code::Unauthenticated);
        for token in ["nonsense", &*expired, &*forged, &*elsewhere] {
            app.send(asking(operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn every_operation_with_a_body_refuses_what_it_cannot_read() {
    let app = TestApp::new().await;
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        let mut broken = asking(operation, Some(&app.token));
        *broken.body_mut() = Body::from("{");
        app.send(broken).await.problem(Code::MalformedRequest);
        let mut text = asking(operation, Some(&app.token));
        text.headers_mut().insert("content-type", "text/plain".parse().unwrap());
        app.send(text).await.problem(Code::UnsupportedMediaType);
        for body in [json!("text"), json!({"nonsense": 1})] {
            let asked = request(&operation.method, &operation.path_of("abcdefg"), Some(&app.token), Some(body));
            app.send(asked).await.problem(Code::ValidationFailed);
        }
        let large = format!("{{\"x\":\"{}\"}}", "x".repeat(17 * 1024 * 1024));
        let mut too_large = asking(operation, Some(&app.token));
        *too_large.body_mut() = Body::from(large);
        app.send(too_large).await.problem(Code::PayloadTooLarge);
    }
}

#[tokio::test]
async fn codes_that_cannot_be_are_not_found() {
    let app = TestApp::new().await;
    for code in ["x", "a%20b", "a.b.c", &*"x".repeat(33)] {
        app.as_user("GET", &format!("/v1/links/{code}"), None).await.problem(Code::NotFound);
        app.follow(code).await.problem(Code::NotFound);
    }
}
