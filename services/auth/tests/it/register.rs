//! Registering.

use crate::app::{PASSWORD, TestApp, registration};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::json;

#[tokio::test]
async fn an_account_is_made_and_its_session_works() {
    let app = TestApp::new().await;
    let body = json!({"email": " Ana@Exemplo.COM ", "password": PASSWORD, "full_name": "Ana  Silva"});
    let answer = app.post("/v1/users", body).await;
    let session: Session = answer.json(StatusCode::CREATED);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(session.user.email, "ana@exemplo.com");
    assert_eq!(session.user.full_name, "Ana Silva");
    assert_eq!(session.user.roles, ["user"]);
    assert_eq!(session.expires_in, 900);
    assert_eq!(app.me(&session.access_token).await, session.user);
    let next: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);
    assert_eq!(next.user, session.user);
}

#[tokio::test]
async fn neither_password_nor_refresh_token_is_stored_as_it_is() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(app.pool()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT token_hash FROM refresh_tokens").fetch_one(app.pool()).await.unwrap();
    assert_eq!(stored.len(), 32);
    assert_ne!(stored, session.refresh_token.as_bytes());
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named_at_once() {
    let app = TestApp::new().await;
    let body = json!({"email": "nobody", "password": "short", "full_name": " "});
    let problem = app.post("/v1/users", body).await.problem(Code::ValidationFailed);
    let fields: Vec<_> = problem.errors.iter().map(|error| &*error.field).collect();
    assert_eq!(fields, ["email", "full_name", "password"]);

    let own = json!({"email": "comerciante@exemplo.com", "password": "Comerciante@Exemplo.com", "full_name": "Ana"});
    let problem = app.post("/v1/users", own).await.problem(Code::ValidationFailed);
    assert_eq!(problem.errors[0].field, "password");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn an_email_is_taken_whatever_its_case_and_costs_the_same_work() {
    let app = TestApp::new().await;
    let before = app.accounts.hasher.computed();
    app.register("ana@exemplo.com").await;
    let fresh = app.accounts.hasher.computed() - before;
    let answer = app.post("/v1/users", registration("ANA@exemplo.com")).await;
    answer.problem(Code::EmailTaken);
    assert_eq!(app.accounts.hasher.computed() - before, 2 * fresh);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn of_many_who_register_one_email_at_once_one_gets_it() {
    let app = TestApp::with(json!({"limits": {
        "login_per_address": {"attempts": 100, "seconds": 1},
        "login_per_pair": {"attempts": 100, "seconds": 1},
        "register_per_address": {"attempts": 100, "seconds": 1},
        "register_per_account": {"attempts": 100, "seconds": 1},
    }}))
    .await;
    let attempts = (0..12).map(|_| app.post("/v1/users", registration("ana@exemplo.com")));
    let answers = futures::future::join_all(attempts).await;
    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::CREATED) {
        answer.problem(Code::EmailTaken);
    }
    for table in ["SELECT count(*) FROM users", "SELECT count(*) FROM sessions", "SELECT count(*) FROM refresh_tokens"]
    {
        assert_eq!(app.count(table).await, 1, "{table}");
    }
}
