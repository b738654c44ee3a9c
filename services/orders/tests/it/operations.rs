//! Every operation of the description has its unauthorised and its malformed case: they are made from the
//! description, so that an operation that is added is tried too.

use crate::app::{TestApp, request};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use contracts::problem::Code;
use harness::{Operation, unreadable};
use serde_json::{Value, json};
use uuid::Uuid;

fn operations() -> Vec<Operation> {
    Operation::all(&orders::http::openapi())
}

/// With a body of the right shape, where the operation takes one.
fn of(operation: &Operation, token: Option<&str>) -> Request<Body> {
    request(
        &operation.method,
        &operation.path_of(&Uuid::nil().to_string()),
        token,
        operation.takes_body.then(|| json!({})),
    )
}

#[test]
fn all_routes_are_described() {
    let mut known: Vec<_> = operations().iter().map(Operation::route).collect();
    known.sort();
    let own: Vec<_> = known.iter().filter(|route| !route.contains("/sagas")).collect();
    let expected = [
        "GET /v1/customer",
        "GET /v1/customers/{id}",
        "GET /v1/customers/{id}/key",
        "GET /v1/orders",
        "GET /v1/orders/{id}",
        "GET /v1/orders/{id}/changes",
        "GET /v1/orders/{id}/events",
        "POST /v1/customers/batch",
        "POST /v1/links/sales/batch",
        "POST /v1/orders",
        "POST /v1/orders/batch",
        "POST /v1/orders/events/batch",
        "POST /v1/orders/{id}/cancel",
        "POST /v1/orders/{id}/deliver",
        "POST /v1/orders/{id}/ship",
        "PUT /v1/customer",
    ];
    assert_eq!(own, expected);
    assert_eq!(known.len() - own.len(), 5, "those of the sagas: {known:?}");
    assert!(operations().iter().all(|operation| operation.needs_token));
}

#[tokio::test]
async fn without_a_good_token_every_operation_answers_401() {
    let app = TestApp::new().await;
    let user = Uuid::now_v7();
    let (expired, forged) = (app.issuer.expired(user), app.issuer.forged(user).unwrap());
    for operation in &operations() {
        operation.tells_of(&["401"]);
        let answer = app.send(of(operation, None)).await;
        answer.problem(Code::Unauthenticated);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for token in ["nonsense", &*forged, &*expired] {
            app.send(of(operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn without_the_role_every_operators_operation_answers_403() {
    let app = TestApp::new().await;
    let (all, token) = (operations(), app.stranger());
    let operators: Vec<_> = all.iter().filter(|operation| operation.needs_role).collect();
    assert_eq!(operators.len(), 8, "three of orders and five of sagas");
    for operation in operators {
        app.send(of(operation, Some(&token))).await.problem(Code::Forbidden);
    }
    for operation in Operation::all(&<orders::Service as chassis::Service>::openapi()) {
        app.send(of(&operation, None)).await.problem(Code::Unauthenticated);
    }
    for path in ["/v1/dead-letters", "/v1/dead-letters/audit?consumer=orders.sagas"] {
        app.ask("GET", path, &token, None).await.problem(Code::Forbidden);
    }
    for consumer in ["orders.sagas", "orders.copies", "orders.commands"] {
        let path = format!("/v1/dead-letters?consumer={consumer}");
        app.ask("GET", &path, &app.operator, None).await.json::<Value>(StatusCode::OK);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_every_operation_that_reads() {
    let app = TestApp::new().await;
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        operation.tells_of(&["400", "413", "415"]);
        for (content_type, body, refused) in unreadable() {
            let mut asked = of(operation, Some(&app.operator));
            asked.headers_mut().insert("content-type", content_type.parse().unwrap());
            asked.headers_mut().insert("idempotency-key", "key".parse().unwrap());
            *asked.body_mut() = Body::from(body);
            app.send(asked).await.problem(refused);
        }
    }
}
