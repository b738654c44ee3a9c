//! Services are told from users, routes admit those that they name, and a service always has a token in time.

use axum::{
    Router,
    extract::FromRef,
    http::{Request, StatusCode},
    routing::get,
};
use chassis::{
    config,
    jwt::{Admits, Caller, FromService, TokenSource, Verifier, crypto},
};
use contracts::problem::Code;
use harness::{Answer, Issuer, request};
use rstest::rstest;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;
use uuid::Uuid;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, body_string, header, method},
};

struct Copies;

impl Admits for Copies {
    const SERVICES: &'static [&'static str] = &["invoices", "shipping"];
}

#[derive(Clone, FromRef)]
struct State {
    verifier: Verifier,
}

/// `/key` for services that keep copies, `/me` for users.
async fn routes(issuer: &Issuer) -> Router {
    crypto::install();
    let jwks_url = issuer.jwks_url().parse().unwrap();
    let verifier = Verifier::new(&config::Jwt { jwks_url, ..config::Jwt::default() });
    let routes = Router::new()
        .route("/key", get(|service: FromService<Copies>| async move { service.name }))
        .route("/me", get(|caller: Caller| async move { caller.user_id.to_string() }))
        .with_state(State { verifier });
    chassis::http::full(routes, &chassis::http::Limits::from(&config::Http::default()))
}

async fn ask(routes: &Router, path: &str, token: Option<&str>) -> Answer {
    Answer::read(routes.clone().oneshot(from_here(request("GET", path, token, None))).await.unwrap()).await
}

fn from_here(mut request: Request<axum::body::Body>) -> Request<axum::body::Body> {
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    request.extensions_mut().insert(axum::extract::ConnectInfo(peer));
    request
}

#[tokio::test]
async fn a_route_admits_the_services_that_it_names_and_nobody_else() {
    let issuer = Issuer::start().await.unwrap();
    let routes = routes(&issuer).await;
    for service in ["invoices", "shipping"] {
        let answer = ask(&routes, "/key", Some(&issuer.service_token(service))).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, service.to_owned()));
    }
    ask(&routes, "/key", None).await.problem(Code::Unauthenticated);
    let user = Uuid::now_v7();
    for token in [issuer.expired(user), issuer.forged(user).unwrap(), "nonsense".to_owned()] {
        ask(&routes, "/key", Some(&token)).await.problem(Code::InvalidToken);
    }
    for token in [
        issuer.service_token("payments"),
        issuer.service_token("invoices2"),
        issuer.token(user, &["user"]),
        issuer.token(user, &["user", "operator"]),
    ] {
        ask(&routes, "/key", Some(&token)).await.problem(Code::Forbidden);
    }
    ask(&routes, "/me", Some(&issuer.service_token("invoices"))).await.problem(Code::InvalidToken);
    let user_token = issuer.token(user, &["user"]);
    // Whichever of the two is asked first: a token that was verified once stays what it is.
    for _ in 0..2 {
        ask(&routes, "/key", Some(&user_token)).await.problem(Code::Forbidden);
        assert_eq!(ask(&routes, "/me", Some(&user_token)).await.text(), user.to_string());
    }
}

#[rstest]
#[case::a_users_audience(json!({"sub": "service:invoices", "aud": "vitrine", "roles": null}))]
#[case::a_users_audience_with_roles(json!({"sub": "service:invoices", "aud": "vitrine"}))]
#[case::a_users_subject(json!({"aud": "vitrine:services"}))]
#[case::a_users_subject_without_roles(json!({"aud": "vitrine:services", "roles": null}))]
#[case::a_subject_of_no_kind(json!({"sub": "invoices", "aud": "vitrine:services", "roles": null}))]
#[case::a_service_without_a_name(json!({"sub": "service:", "aud": "vitrine:services", "roles": null}))]
#[tokio::test]
async fn what_is_half_a_users_and_half_a_services_token_is_neither(#[case] changes: Value) {
    let issuer = Issuer::start().await.unwrap();
    let token = issuer.token_with(Uuid::now_v7(), |claims| {
        let claims = claims.as_object_mut().unwrap();
        claims.extend(changes.as_object().unwrap().clone());
        claims.retain(|_, value| !value.is_null());
    });
    let routes = routes(&issuer).await;
    for path in ["/key", "/me"] {
        ask(&routes, path, Some(&token)).await.problem(Code::InvalidToken);
    }
}

fn answer(token: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "token_type": "Bearer", "expires_in": 600}))
}

fn source(server: &MockServer) -> TokenSource {
    let token_url = server.uri().parse().unwrap();
    TokenSource::new("orders", config::Identity { token_url, secret: "a secret".into() })
}

async fn token(source: &TokenSource) -> Result<String, Code> {
    source.token().await.map(|token| token.expose_secret().to_owned()).map_err(|failure| failure.code())
}

/// Lets the clock of tokens run on; sockets keep the machine's.
async fn pass(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_hundred_calls_at_once_fetch_one_token_as_rfc_6749_says() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "Basic b3JkZXJzOmEgc2VjcmV0"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string("grant_type=client_credentials"))
        .respond_with(answer("one"))
        .mount(&server)
        .await;
    let source = source(&server);
    let tokens = futures::future::join_all((0..100).map(|_| token(&source))).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Ok("one")), "{tokens:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_is_renewed_behind_the_calls_from_the_middle_of_its_life() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer("one")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(answer("two")).mount(&server).await;
    let source = source(&server);
    assert_eq!(token(&source).await.as_deref(), Ok("one"));
    pass(299).await;
    assert_eq!(token(&source).await.as_deref(), Ok("one"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    pass(2).await;
    assert_eq!(token(&source).await.as_deref(), Ok("one"), "nobody waits for the successor");
    let renewed = async || Ok((token(&source).await.as_deref() == Ok("two")).then_some(()));
    kit::eventually(Duration::from_secs(10), "the token to be renewed", renewed).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn while_the_issuer_is_away_the_token_serves_to_its_end_and_is_not_asked_for_in_a_flood() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer("one")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    let source = source(&server);
    assert_eq!(token(&source).await.as_deref(), Ok("one"));
    pass(598).await;
    assert_eq!(token(&source).await.as_deref(), Ok("one"));
    pass(3).await;
    for _ in 0..100 {
        assert_eq!(token(&source).await, Err(Code::Unavailable));
    }
    let asked = server.received_requests().await.unwrap().len();
    assert!(asked <= 4, "asked {asked} times");
}
