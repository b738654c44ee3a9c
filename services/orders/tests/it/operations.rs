//! Every operation of the description has its unauthorised and its malformed case: they are made from the
//! description, so that an operation that is added is tried too.

use crate::world::{World, request};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use contracts::problem::Code;
use serde_json::{Value, json};
use uuid::Uuid;

struct Operation {
    method: String,
    path: String,
    needs_token: bool,
    needs_operator: bool,
    takes_body: bool,
    statuses: Vec<String>,
}

fn operations() -> Vec<Operation> {
    let description = serde_json::to_value(orders::http::openapi()).unwrap();
    let paths = description["paths"].as_object().unwrap();
    let each = paths.iter().flat_map(|(path, item)| {
        let methods = ["get", "put", "post", "patch", "delete"];
        let operations = item.as_object().unwrap().iter().filter(move |(name, _)| methods.contains(&name.as_str()));
        operations.map(move |(method, operation)| Operation {
            method: method.to_uppercase(),
            path: path.replace("{id}", &Uuid::nil().to_string()),
            needs_token: operation.get("security").is_some(),
            needs_operator: operation["responses"].get("403").is_some(),
            takes_body: operation.get("requestBody").is_some(),
            statuses: operation["responses"].as_object().unwrap().keys().cloned().collect(),
        })
    });
    each.collect()
}

/// With a body of the right shape, where the operation takes one.
fn of(operation: &Operation, token: Option<&str>) -> Request<Body> {
    request(&operation.method, &operation.path, token, operation.takes_body.then(|| json!({})))
}

#[test]
fn all_routes_are_described() {
    let mut known: Vec<_> =
        operations().into_iter().map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    known.iter_mut().for_each(|route| *route = route.replace(&Uuid::nil().to_string(), "{id}"));
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
    let world = World::new().await;
    let user = Uuid::now_v7();
    let (expired, forged) = (world.issuer.expired(user), world.issuer.forged(user).unwrap());
    for operation in &operations() {
        assert!(operation.statuses.contains(&"401".to_owned()), "{}", operation.path);
        let answer = world.send(of(operation, None)).await;
        answer.problem(Code::Unauthenticated);
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        for token in ["nonsense", &*forged, &*expired] {
            world.send(of(operation, Some(token))).await.problem(Code::InvalidToken);
        }
    }
}

#[tokio::test]
async fn without_the_role_every_operators_operation_answers_403() {
    let world = World::new().await;
    let (all, token) = (operations(), world.stranger());
    let operators: Vec<_> = all.iter().filter(|operation| operation.needs_operator).collect();
    assert_eq!(operators.len(), 8, "three of orders and five of sagas");
    for operation in operators {
        world.send(of(operation, Some(&token))).await.problem(Code::Forbidden);
    }
    for path in ["/v1/dead-letters", "/v1/dead-letters/audit?consumer=orders.sagas"] {
        world.ask("GET", path, &token, None).await.problem(Code::Forbidden);
    }
    for consumer in ["orders.sagas", "orders.copies", "orders.commands"] {
        let path = format!("/v1/dead-letters?consumer={consumer}");
        world.ask("GET", &path, &world.operator, None).await.json::<Value>(StatusCode::OK);
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_every_operation_that_reads() {
    let world = World::new().await;
    for operation in operations().iter().filter(|operation| operation.takes_body) {
        let (method, path) = (&operation.method, &operation.path);
        for status in ["400", "413", "415"] {
            assert!(operation.statuses.contains(&status.to_owned()), "{path} does not tell of {status}");
        }
        let with = |content: &str, body: String| {
            let mut asked = request(method, path, Some(&world.operator), None);
            asked.headers_mut().insert("content-type", content.parse().unwrap());
            asked.headers_mut().insert("idempotency-key", "key".parse().unwrap());
            *asked.body_mut() = Body::from(body);
            asked
        };
        let json = "application/json";
        world.send(with(json, "{".to_owned())).await.problem(Code::MalformedRequest);
        world.send(with(json, "[]".to_owned())).await.problem(Code::ValidationFailed);
        world.send(with(json, "{\"admin\":true}".to_owned())).await.problem(Code::ValidationFailed);
        world.send(with("text/plain", "{}".to_owned())).await.problem(Code::UnsupportedMediaType);
        let large = Value::String("x".repeat(2 * 1024 * 1024)).to_string();
        world.send(with(json, large)).await.problem(Code::PayloadTooLarge);
    }
}
