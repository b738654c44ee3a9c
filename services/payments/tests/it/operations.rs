//! Every operation of the description has its unauthorised case, made from the description.

use crate::world::World;
use axum::http::StatusCode;
use contracts::problem::{Code, Problem};
use kit::Operation;
use serde_json::json;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_but_the_signed_one_needs_a_token_and_operators_ones_the_role() {
    let world = World::new().await;
    let (mut open, mut operators) = (Vec::new(), 0);
    for operation in Operation::all(&payments::http::openapi()) {
        if !operation.needs_token {
            open.push(operation.route());
            continue;
        }
        let (method, path) = (&*operation.method, operation.path_of(&Uuid::nil().to_string()));
        let request = world.client.request(method.parse().unwrap(), format!("{}{path}", world.url));
        let answer = request.json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answer.json::<Problem>().await.unwrap().code, Code::Unauthenticated);
        for token in [world.issuer.forged(Uuid::nil()).unwrap(), world.issuer.expired(Uuid::nil())] {
            world.ask(method, &path, &token, Some(&json!({}))).await.problem(Code::InvalidToken);
        }
        if operation.needs_role {
            operators += 1;
            let user = world.issuer.token(Uuid::now_v7(), &["user"]);
            world.ask(method, &path, &user, Some(&json!({}))).await.problem(Code::Forbidden);
        }
    }
    assert_eq!((open, operators), (vec!["POST /v1/webhooks/provider".to_owned()], 1));
    let user = world.issuer.token(Uuid::now_v7(), &["user"]);
    world.ask("GET", "/v1/dead-letters", &user, None).await.problem(Code::Forbidden);
    assert_eq!(world.ask("GET", "/v1/dead-letters", &world.operator(), None).await.status, StatusCode::OK);
}
