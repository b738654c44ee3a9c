//! Every operation of the description has its unauthorised and its malformed case: they are made from the
//! description, so that an operation that is added is tried too.

use crate::world::{World, request};
use axum::{body::Body, http::Request};
use contracts::problem::Code;
use serde_json::{Value, json};

struct Operation {
    method: String,
    path: String,
    needs_token: bool,
    needs_operator: bool,
    takes_body: bool,
    statuses: Vec<String>,
}

fn operations() -> Vec<Operation> {
    let description = serde_json::to_value(auth::http::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            needs_token: operation.get("security").is_some(),
            needs_operator: operation["responses"].get("403").is_some(),
            takes_body: operation.get("requestBody").is_some(),
            statuses: operation["responses"].as_object().unwrap().keys().cloned().collect(),
        })
    });
    each.collect()
}

/// With a body of the right shape, where the operation takes one.
fn asking(operation: &Operation, token: Option<&str>) -> Request<Body> {
    request(&operation.method, &operation.path, token, operation.takes_body.then(|| json!({})))
}

#[test]
fn only_these_operations_are_open_to_everybody() {
    let mut open: Vec<_> = operations()
        .iter()
        .filter(|operation| !operation.needs_token)
        .map(|operation| format!("{} {}", operation.method, operation.path))
        .collect();
    open.sort_unstable();
    let expected = [
        "GET /.well-known/jwks.json",
        "POST /v1/sessions",
        "POST /v1/sessions/refresh",
        "POST /v1/sessions/revoke",
        "POST /v1/users",
    ];
    assert_eq!(open, expected);
}

#[tokio::test]
async fn without_a_good_token_every_other_operation_answers_401() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    let (head, signature) = session.access_token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let forged = format!("{head}.{turned}");
    for operation in operations().iter().filter(|operation| operation.needs_token) {
        assert!(operation.statuses.contains(&"401".to_owned()), "{}", operation.path);
        let answer = world.send(asking(operation, None)).await;
        answer.problem(Code::Unauthenticated);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for token in ["nonsense", &*forged, &*session.refresh_token] {
            world.send(asking(operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn without_the_role_every_operators_operation_answers_403() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    let all = operations();
    let operators: Vec<_> = all.iter().filter(|operation| operation.needs_operator).collect();
    assert_eq!(operators.len(), 1);
    for operation in operators {
        let answer = world.send(asking(operation, Some(&session.access_token))).await;
        answer.problem(Code::Forbidden);
    }
    assert_eq!(world.count("SELECT count(*) FROM signing_keys").await, 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_every_operation_that_reads() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    let token = Some(&*session.access_token);
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        let (method, path) = (&operation.method, &operation.path);
        for status in ["400", "413", "415"] {
            assert!(operation.statuses.contains(&status.to_owned()), "{path} does not tell of {status}");
        }
        let with = |content: &str, body: String| {
            let mut request = request(method, path, token, None);
            request.headers_mut().insert("content-type", content.parse().unwrap());
            *request.body_mut() = Body::from(body);
            request
        };
        let json = "application/json";
        world.send(with(json, "{".to_owned())).await.problem(Code::MalformedRequest);
        world.send(with(json, "[]".to_owned())).await.problem(Code::ValidationFailed);
        world.send(with(json, "{}".to_owned())).await.problem(Code::ValidationFailed);
        world.send(with(json, "{\"admin\":true}".to_owned())).await.problem(Code::ValidationFailed);
        world.send(with("text/plain", "{}".to_owned())).await.problem(Code::UnsupportedMediaType);
        let large = Value::String("x".repeat(2 * 1024 * 1024)).to_string();
        world.send(with(json, large)).await.problem(Code::PayloadTooLarge);
    }
}
