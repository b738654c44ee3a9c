//! No operation without its refusals: this fails when one is added and its cases are not.

use crate::support::{TestApp, problem};
use analytics::Analytics;
use anyhow::Result;
use chassis::Service;
use contracts::problem::Code;
use reqwest::{Method, StatusCode};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Every operation by method and path, as described.
fn operations() -> BTreeSet<(String, String)> {
    let description = serde_json::to_value(Analytics::openapi()).expect("the description is JSON");
    let paths = description["paths"].as_object().expect("there are paths");
    let of = |path: &String, methods: &serde_json::Value| {
        let methods = methods.as_object().expect("a path has methods").keys();
        methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, methods)| of(path, methods)).collect()
}

/// For every operation: a request that cannot be read, and the code that it is refused with.
const MALFORMED: &[(&str, &str, &str, &str, Code)] = &[
    ("POST", "/v1/stats/batch", "", "{", Code::MalformedRequest),
    ("GET", "/v1/links/{code}/stats", "?from=x", "", Code::ValidationFailed),
    ("GET", "/v1/stats", "?from=x", "", Code::ValidationFailed),
    ("GET", "/v1/links/{code}/clicks/live", "?include_bots=x", "", Code::ValidationFailed),
    ("GET", "/v1/links/{code}/clicks/export", "?format=x", "", Code::ValidationFailed),
    ("GET", "/v1/dead-letters", "?limit=x", "", Code::ValidationFailed),
    ("POST", "/v1/dead-letters/redrive", "", "{", Code::MalformedRequest),
    ("POST", "/v1/dead-letters/discard", "", "{", Code::MalformedRequest),
    ("GET", "/v1/dead-letters/audit", "?limit=x", "", Code::ValidationFailed),
];

#[tokio::test]
async fn every_operation_refuses_strangers_and_nonsense() -> Result<()> {
    let app = TestApp::start().await?;
    let listed = MALFORMED.iter().map(|(method, path, ..)| ((*method).to_owned(), (*path).to_owned()));
    assert_eq!(listed.collect::<BTreeSet<_>>(), operations(), "every operation has its case here");
    let user = Uuid::now_v7();
    let tokens = [
        (None, Code::Unauthenticated),
        (Some("nonsense".to_owned()), Code::InvalidToken),
        (Some(app.issuer.expired(user)), Code::InvalidToken),
        (Some(app.issuer.forged(user)?), Code::InvalidToken),
    ];
    for (method, path, query, body, refusal) in MALFORMED {
        let path = path.replace("{code}", "some");
        let url = format!("{}{path}{query}", app.stack.url("analytics"));
        let request = |token: Option<&String>| {
            let method: Method = method.parse().expect("a method");
            let request = kit::http::client().request(method, &url);
            let request = request.header("content-type", "application/json").body(*body);
            match token {
                Some(token) => request.bearer_auth(token),
                None => request,
            }
        };
        for (token, code) in &tokens {
            let answer = request(token.as_ref()).send().await?;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(problem(answer).await?.code, *code, "{method} {path}");
        }
        let operator = app.issuer.token(user, &["user", "operator"]);
        let answer = problem(request(Some(&operator)).send().await?).await?;
        assert_eq!(answer.code, *refusal, "{method} {path}: {answer:?}");
        if path.starts_with("/v1/dead-letters") {
            let user = app.issuer.token(user, &["user"]);
            let answer = problem(request(Some(&user)).send().await?).await?;
            assert_eq!(answer.code, Code::Forbidden, "{method} {path}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn operators_see_the_consumers_dead_letters() -> Result<()> {
    let app = TestApp::start().await?;
    let url = format!("{}/v1/dead-letters?consumer=analytics.links", app.stack.url("analytics"));
    let token = app.issuer.token(Uuid::now_v7(), &["operator"]);
    let answer = kit::http::client().get(url).bearer_auth(token).send().await?;
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await?);
    Ok(())
}
