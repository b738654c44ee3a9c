//! Every operation of the description has its unauthorised case, made from the description.

use crate::app::TestApp;
use axum::http::StatusCode;
use contracts::problem::Code;
use harness::{Operation, request};
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_but_the_signed_one_needs_a_token_and_operators_ones_the_role() {
    let app = TestApp::new().await;
    let (mut open, mut operators) = (Vec::new(), 0);
    for operation in Operation::all(&payments::http::openapi()) {
        if !operation.needs_token {
            open.push(operation.route());
            continue;
        }
        let (method, path) = (&*operation.method, operation.path_of(&Uuid::nil().to_string()));
        app.send(request(method, &path, None, Some(json!({})))).await.problem(Code::Unauthenticated);
        for token in [app.issuer.forged(Uuid::nil()).unwrap(), app.issuer.expired(Uuid::nil())] {
            app.ask(method, &path, &token, Some(json!({}))).await.problem(Code::InvalidToken);
        }
        if operation.needs_role {
            operators += 1;
            let user = app.issuer.token(Uuid::now_v7(), &["user"]);
            app.ask(method, &path, &user, Some(json!({}))).await.problem(Code::Forbidden);
        }
    }
    assert_eq!((open, operators), (vec!["POST /v1/webhooks/provider".to_owned()], 1));
    let user = app.issuer.token(Uuid::now_v7(), &["user"]);
    app.ask("GET", "/v1/dead-letters", &user, None).await.problem(Code::Forbidden);
    assert_eq!(app.ask("GET", "/v1/dead-letters", &app.operator, None).await.status, StatusCode::OK);
}
