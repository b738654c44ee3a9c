//! Signing keys: rotation with overlap, several processes, and what is at rest.

use crate::app::{PASSWORD, SEALING_KEY, TestApp, request};
use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use contracts::rest::auth::{JsonWebKeySet, Session, SigningKeys};
use kit::Sandbox;
use serde_json::{Value, json};
use std::sync::Arc;

/// New keys sign at once, for tests that are not about the time before.
fn hasty() -> Value {
    json!({
        "keys": {"encryption_key": SEALING_KEY, "publish_ahead_seconds": 0},
        "bootstrap_operator": {"email": "op@vitrine.dev", "password": PASSWORD},
    })
}

fn key_of(token: &str) -> String {
    jsonwebtoken::decode_header(token).unwrap().kid.unwrap()
}

async fn published(app: &TestApp) -> Vec<String> {
    let answer = app.send(request("GET", "/.well-known/jwks.json", None, None)).await;
    assert_eq!(answer.headers["cache-control"], "public, max-age=60");
    let set: JsonWebKeySet = answer.json(StatusCode::OK);
    set.keys.into_iter().map(|key| key.kid).collect()
}

async fn rotate(app: &TestApp) -> SigningKeys {
    let operator: Session = app.log_in("op@vitrine.dev", PASSWORD).await.json(StatusCode::CREATED);
    let request = request("POST", "/v1/keys/rotate", Some(&operator.access_token), None);
    app.send(request).await.json(StatusCode::CREATED)
}

#[tokio::test]
async fn after_a_rotation_old_tokens_verify_and_new_ones_have_the_new_key() {
    let app = TestApp::with(hasty()).await;
    let before = app.register("ana@exemplo.com").await;
    let old = key_of(&before.access_token);
    assert_eq!(published(&app).await, [&*old]);

    let rotated = rotate(&app).await;
    let new = rotated.keys[0].id.clone();
    assert_ne!(new, old);
    assert_eq!(rotated.keys[0].verifies_until, None);
    // Fifteen minutes of a token's life, two for other processes to follow, one for clocks.
    let overlap = rotated.keys[1].verifies_until.unwrap() - rotated.keys[0].signs_from;
    assert_eq!(overlap, TimeDelta::minutes(18));
    assert_eq!(published(&app).await, [&*new, &*old]);

    let after: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(key_of(&after.access_token), new);
    assert_eq!(app.me(&before.access_token).await, before.user);
    assert_eq!(app.me(&after.access_token).await, before.user);
}

#[tokio::test]
async fn a_new_key_is_published_before_it_signs() {
    let mut changes = hasty();
    changes["keys"]["publish_ahead_seconds"] = json!(360);
    let app = TestApp::with(changes).await;
    let before = key_of(&app.register("ana@exemplo.com").await.access_token);
    let rotated = rotate(&app).await;
    assert_eq!(published(&app).await.len(), 2);
    assert!(rotated.keys[0].signs_from > Utc::now() + TimeDelta::minutes(5));
    let after: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(key_of(&after.access_token), before);
}

#[tokio::test]
async fn keys_that_are_old_get_successors_and_what_has_served_is_destroyed() {
    let app = TestApp::with(hasty()).await;
    let keys = &app.accounts.keys;
    let now = Utc::now();
    keys.keep_up(now + TimeDelta::days(29)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 1);

    let rotation = now + TimeDelta::days(31);
    keys.keep_up(rotation).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 2);
    keys.keep_up(rotation + TimeDelta::minutes(3)).await.unwrap();
    let private = "SELECT count(*) FROM signing_keys WHERE sealed_key IS NOT NULL";
    assert_eq!(app.count(private).await, 1, "what signs no longer has no private half");
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 2, "and still verifies");
    keys.keep_up(rotation + TimeDelta::minutes(19)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 1);
}

#[tokio::test]
async fn processes_that_start_at_once_make_one_key_and_follow_each_other() {
    let sandbox = Sandbox::of("auth").await.unwrap();
    let sandbox = Arc::new(sandbox);
    let start = || TestApp::on(Arc::clone(&sandbox), hasty());
    let (one, other) = tokio::join!(start(), start());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.count("SELECT count(*) FROM signing_keys").await, 1);
    assert_eq!(one.count("SELECT count(*) FROM users").await, 1, "one operator");

    rotate(&one).await;
    let session = one.register("ana@exemplo.com").await;
    other.accounts.keys.keep_up(Utc::now()).await.unwrap();
    assert_eq!(published(&other).await, published(&one).await);
    assert_eq!(other.me(&session.access_token).await, session.user);
}

#[tokio::test]
async fn rotations_at_once_leave_one_newest_key() {
    let app = TestApp::with(hasty()).await;
    let keys = &app.accounts.keys;
    let outcomes = futures::future::join_all((0..4).map(|_| keys.rotate())).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(app.count("SELECT count(*) FROM signing_keys").await, 5);
    let newest = "SELECT count(*) FROM signing_keys WHERE signs_until IS NULL";
    assert_eq!(app.count(newest).await, 1);
}

#[tokio::test]
async fn private_keys_are_sealed_and_open_with_the_right_key_only() {
    let app = TestApp::new().await;
    let sealed: Vec<u8> =
        sqlx::query_scalar("SELECT sealed_key FROM signing_keys").fetch_one(app.pool()).await.unwrap();
    // What every PKCS#8 document of an Ed25519 key has in it: the algorithm's identifier.
    let identifier = [0x06, 0x03, 0x2b, 0x65, 0x70];
    assert!(!sealed.windows(identifier.len()).any(|window| window == identifier));

    let another = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let refused = app.beside(&json!({"keys": {"encryption_key": another}})).await;
    let message = format!("{:#}", refused.err().unwrap());
    assert!(message.contains("keys.encryption_key does not open"), "{message}");
    assert!(!message.contains(another));

    let changing = json!({"keys": {"encryption_key": another, "previous_encryption_key": SEALING_KEY}});
    app.beside(&changing).await.unwrap().register("ana@exemplo.com").await;
}

#[tokio::test]
async fn tokens_say_what_they_must_and_nothing_personal() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let payload = session.access_token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "nbf", "roles", "sub"]);
    assert_eq!(claims["sub"], session.user.id.to_string());
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 900);
}
