//! Every operation of the description has its unauthorised and its malformed case: they are made from the
//! description, so that an operation that is added is tried too.

use crate::app::{TestApp, request};
use axum::{body::Body, http::Request};
use contracts::problem::Code;
use harness::{Operation, unreadable};
use serde_json::json;

/// All but the one for services, whose form and scheme are others: see `services.rs`.
fn operations() -> Vec<Operation> {
    let mut all = Operation::all(&auth::http::openapi());
    all.retain(|operation| operation.path != "/oauth2/token");
    all
}

/// With a body of the right shape, where the operation takes one.
fn asking(operation: &Operation, token: Option<&str>) -> Request<Body> {
    request(&operation.method, &operation.path, token, operation.takes_body.then(|| json!({})))
}

#[test]
fn only_these_operations_are_open_to_everybody() {
    let mut open: Vec<_> =
        operations().iter().filter(|operation| !operation.needs_token).map(Operation::route).collect();
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
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let (head, signature) = session.access_token.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let forged = format!("{head}.{turned}");
    for operation in operations().iter().filter(|operation| operation.needs_token) {
        operation.tells_of(&["401"]);
        let answer = app.send(asking(operation, None)).await;
        answer.problem(Code::Unauthenticated);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for token in ["nonsense", &*forged, &*session.refresh_token] {
            app.send(asking(operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn without_the_role_every_operators_operation_answers_403() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let all = operations();
    let operators: Vec<_> = all.iter().filter(|operation| operation.needs_role).collect();
    assert_eq!(operators.len(), 1);
    for operation in operators {
        let answer = app.send(asking(operation, Some(&session.access_token))).await;
        answer.problem(Code::Forbidden);
    }
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_every_operation_that_reads() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        operation.tells_of(&["400", "413", "415"]);
        app.send(asking(operation, Some(&session.access_token))).await.problem(Code::ValidationFailed);
        for (content_type, body, refused) in unreadable() {
            let mut asked = asking(operation, Some(&session.access_token));
            asked.headers_mut().insert("content-type", content_type.parse().unwrap());
            *asked.body_mut() = Body::from(body);
            app.send(asked).await.problem(refused);
        }
    }
}
