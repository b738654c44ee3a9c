//! Services get tokens of their own for their secrets, and those are no users' tokens.

use crate::app::{Answer, TestApp, limit, request, with};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chassis::{
    config,
    jwt::{Identity, TokenSource, Verifier},
};
use contracts::{problem::Code, rest::auth::ServiceToken};
use kit::{Sandbox, Stack, secrets::sha256};
use secrecy::ExposeSecret;
use serde_json::json;

const GRANT: &str = "grant_type=client_credentials";
const FORM: &str = "application/x-www-form-urlencoded";

fn asking(name: &str, secret: &str, content_type: &str, body: &str) -> Request<Body> {
    let asked = with(request("POST", "/oauth2/token", None, None), "content-type", content_type);
    let basic = format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")));
    with(asked, "authorization", &basic).map(|_| Body::from(body.to_owned()))
}

impl TestApp {
    async fn token_of(&self, name: &str, secret: &str) -> Answer {
        self.send(asking(name, secret, FORM, GRANT)).await
    }

    async fn token_from(&self, address: &str, name: &str, secret: &str) -> Answer {
        self.send(with(asking(name, secret, FORM, GRANT), "x-forwarded-for", address)).await
    }
}

/// With `orders`, which has two secrets, and `payments`, which has one.
async fn app() -> TestApp {
    TestApp::with(json!({
        "services": {
            "orders": {"sha256": sha256("new"), "previous_sha256": sha256("old")},
            "payments": {"sha256": sha256("other")},
        },
        "limits": {"service_per_pair": limit(3, 3_600)},
        "tokens": {"service_seconds": 120},
    }))
    .await
}

#[tokio::test]
async fn either_secret_gets_a_token_of_the_service_and_no_other_does() {
    let app = app().await;
    for secret in ["new", "old"] {
        let answer = app.token_of("orders", secret).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let token: ServiceToken = answer.json(StatusCode::OK);
        assert_eq!((&*token.token_type, token.expires_in), ("Bearer", 120));
        let verifier = Verifier::local(&config::Jwt::default(), app.accounts.keys.local());
        let Identity::Service(claims) = verifier.identify(&token.access_token).await.unwrap() else {
            panic!("a user's token");
        };
        assert_eq!((claims.name(), &*claims.aud, claims.exp - claims.iat), ("orders", "vitrine:services", 120));
        // It is nobody's session.
        app.ask("GET", "/v1/users/me", &token.access_token, None).await.problem(Code::InvalidToken);
        let rotate = request("POST", "/v1/keys/rotate", Some(&token.access_token), None);
        app.send(rotate).await.problem(Code::InvalidToken);
    }
    for (name, secret) in [("orders", "other"), ("orders", ""), ("payments", "new"), ("nobody", "new"), ("", "")] {
        let answer = app.token_of(name, secret).await;
        answer.problem(Code::InvalidClient);
        assert_eq!(answer.headers["www-authenticate"], "Basic realm=\"services\"");
    }
}

#[tokio::test]
async fn guesses_are_limited_by_service_and_address_and_hinder_nobody_elsewhere() {
    let app = app().await;
    for _ in 0..2 {
        app.token_from("198.51.100.1", "orders", "guess").await.problem(Code::InvalidClient);
    }
    // A success forgets them.
    let _: ServiceToken = app.token_from("198.51.100.1", "orders", "new").await.json(StatusCode::OK);
    for _ in 0..3 {
        app.token_from("198.51.100.1", "orders", "guess").await.problem(Code::InvalidClient);
    }
    let limited = app.token_from("198.51.100.1", "orders", "new").await;
    limited.problem(Code::RateLimited);
    assert!(limited.headers.contains_key("retry-after"));
    let _: ServiceToken = app.token_from("198.51.100.2", "orders", "new").await.json(StatusCode::OK);
    let _: ServiceToken = app.token_from("198.51.100.1", "payments", "other").await.json(StatusCode::OK);
    // Invented names are one: they neither go on for ever nor fill the table.
    let before = app.count("SELECT count(*) FROM attempts").await;
    for name in ["a", "b", "c"] {
        app.token_from("198.51.100.3", name, "guess").await.problem(Code::InvalidClient);
    }
    app.token_from("198.51.100.3", "d", "guess").await.problem(Code::RateLimited);
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, before + 1);
}

#[tokio::test]
async fn what_is_no_request_for_a_token_is_refused_and_counts_for_nobody() {
    let app = app().await;
    let too_large = "x".repeat(2 * 1024 * 1024);
    for (content_type, body, code) in [
        (FORM, "grant_type=password", Code::ValidationFailed),
        (FORM, "", Code::ValidationFailed),
        ("application/json", "{}", Code::UnsupportedMediaType),
        (FORM, &*too_large, Code::PayloadTooLarge),
    ] {
        app.send(asking("orders", "new", content_type, body)).await.problem(code);
    }
    let asked = || with(request("POST", "/oauth2/token", None, None), "content-type", FORM);
    app.send(asked()).await.problem(Code::Unauthenticated);
    for header in ["Bearer abc", "Basic", "Basic !", "Basic b3JkZXJz"] {
        app.send(with(asked(), "authorization", header)).await.problem(Code::InvalidClient);
    }
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, 0);
}

#[tokio::test]
async fn a_service_that_is_configured_as_the_kit_does_gets_a_token_of_the_program() {
    chassis::jwt::crypto::install();
    let sandbox = Sandbox::of("auth").await.unwrap();
    let stack = Stack::start(&sandbox, &["auth"]).await.unwrap();
    let url = stack.url("auth");
    let secret = sandbox.env_for("orders")["ORDERS_IDENTITY__SECRET"].clone();
    let identity =
        config::Identity { token_url: format!("{url}/oauth2/token").parse().unwrap(), secret: secret.clone().into() };
    let token = TokenSource::new("orders", identity).token().await.unwrap();
    let jwks_url = format!("{url}/.well-known/jwks.json").parse().unwrap();
    let verifier = Verifier::new(&config::Jwt { jwks_url, ..config::Jwt::default() });
    let identity = verifier.identify(token.expose_secret()).await.unwrap();
    assert!(matches!(identity, Identity::Service(claims) if claims.name() == "orders"));
    stack.stop("auth").await.unwrap();
    let logs = stack.logs("auth").unwrap();
    for secret in [&*secret, token.expose_secret()] {
        assert!(!logs.contains(secret), "the log tells {secret}");
    }
}
