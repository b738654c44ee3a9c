//! Every operation of the description has its unauthorised and its malformed case: they are made from the
//! description, so that an operation that is added is tried too.

use crate::app::{TestApp, request, with};
use axum::{body::Body, http::Request};
use contracts::problem::Code;
use harness::{Operation, unreadable};
use serde_json::json;
use std::collections::BTreeSet;
use uuid::Uuid;

fn operations() -> Vec<Operation> {
    // Those about dead letters are the chassis's.
    let all = Operation::all(&inventory::http::openapi()).into_iter();
    all.filter(|operation| !operation.path.contains("dead-letters")).collect()
}

/// About nothing that exists.
fn path_of(operation: &Operation) -> String {
    operation.path_of(&Uuid::now_v7().to_string())
}

fn asking(operation: &Operation, token: Option<&str>) -> Request<Body> {
    let body = operation.takes_body.then(|| json!({}));
    with(request(&operation.method, &path_of(operation), token, body), "idempotency-key", "key")
}

#[test]
fn these_are_open_to_everybody_and_these_need_the_role() {
    let all = operations();
    let open = all.iter().filter(|operation| !operation.needs_token).map(Operation::route);
    let shown = ["GET /v1/products", "POST /v1/products/batch", "GET /v1/products/{id}", "GET /v1/products/{id}/stock"];
    let (open, shown) = (open.collect::<BTreeSet<_>>(), shown.map(str::to_owned).into());
    assert_eq!(open, shown, "the shop window");
    assert_eq!(all.len(), 11);
    assert_eq!(all.iter().filter(|operation| operation.needs_role).count(), 7);
}

#[tokio::test]
async fn without_a_good_token_every_operation_answers_401() {
    let app = TestApp::new().await;
    let user = Uuid::now_v7();
    let (expired, forged) = (app.issuer.expired(user), app.issuer.forged(user).unwrap());
    let elsewhere = app.issuer.token_with(user, |claims| claims["aud"] = "elsewhere".into());
    let dead_letters = request("GET", "/v1/dead-letters", None, None);
    app.send(dead_letters).await.problem(Code::Unauthenticated);
    for operation in operations() {
        operation.tells_of(&["401"]);
        if operation.needs_token {
            let answer = app.send(asking(&operation, None)).await;
            answer.problem(Code::Unauthenticated);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        for token in ["nonsense", &*expired, &*forged, &*elsewhere] {
            app.send(asking(&operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn without_the_role_every_operators_operation_answers_403() {
    let app = TestApp::new().await;
    app.look("/v1/dead-letters").await.problem(Code::Forbidden);
    for operation in operations().iter().filter(|operation| operation.needs_role) {
        app.send(asking(operation, Some(&app.token))).await.problem(Code::Forbidden);
    }
    assert_eq!(app.count("SELECT count(*) FROM products").await, 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_every_operation_that_reads() {
    let app = TestApp::new().await;
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        operation.tells_of(&["400", "413", "415"]);
        for (content_type, body, refused) in unreadable() {
            let mut asked = asking(operation, Some(&app.operator));
            asked.headers_mut().insert("content-type", content_type.parse().unwrap());
            *asked.body_mut() = Body::from(body);
            app.send(asked).await.problem(refused);
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_and_what_is_no_query_is_refused() {
    let app = TestApp::new().await;
    for operation in operations().iter().filter(|operation| operation.path.contains('{')) {
        operation.tells_of(&["404"]);
        let body = match operation.method.as_str() {
            "POST" => Some(json!({"kind": "increase", "quantity": 1, "reason": "x"})),
            "PATCH" => Some(json!({})),
            _ => None,
        };
        let asked = request(&operation.method, &path_of(operation), Some(&app.operator), body);
        app.send(with(asked, "idempotency-key", "key")).await.problem(Code::NotFound);
    }
    app.look("/v1/products/nonsense").await.problem(Code::NotFound);
    for (path, field) in [
        ("/v1/products?first=0", "first"),
        ("/v1/products?first=101", "first"),
        ("/v1/reservations?first=0", "first"),
        ("/v1/reservations?status=lost", "status"),
        ("/v1/reservations?saga=nonsense", "saga"),
    ] {
        assert_eq!(app.as_operator("GET", path, None).await.refused(), [field], "{path}");
    }
    let rebuild = app.as_operator("POST", "/v1/stock/rebuild?from_snapshots=perhaps", None).await;
    assert_eq!(rebuild.refused(), ["from_snapshots"]);
    let search = format!("/v1/products?search={}", "x".repeat(101));
    assert_eq!(app.look(&search).await.refused(), ["search"]);
    for list in ["/v1/products", "/v1/reservations"] {
        app.as_operator("GET", &format!("{list}?after=nonsense"), None).await.problem(Code::InvalidCursor);
    }
    let product = app.create("A").await.id;
    let path = format!("/v1/products/{product}/stock/operations?after=nonsense");
    app.as_operator("GET", &path, None).await.problem(Code::InvalidCursor);
}
