//! Logging in, and being told who one is.

use crate::app::{PASSWORD, TestApp};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use rstest::rstest;
use serde_json::json;

#[tokio::test]
async fn the_right_password_begins_a_session_each_time() {
    let app = TestApp::new().await;
    let registered = app.register("ana@exemplo.com").await;
    let session: Session = app.log_in("Ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    assert_eq!(session.user, registered.user);
    assert_ne!(session.refresh_token, registered.refresh_token);
    assert_eq!(app.me(&session.access_token).await, registered.user);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 2);
}

#[tokio::test]
async fn unknown_wrong_and_inactive_are_one_answer_after_the_same_work() {
    let app = TestApp::new().await;
    app.register("ana@exemplo.com").await;
    app.register("inativa@exemplo.com").await;
    app.execute("UPDATE users SET is_active = false WHERE email = 'inativa@exemplo.com'").await;
    let mut answers = Vec::new();
    for (email, password) in
        [("ana@exemplo.com", "not the password"), ("nobody@exemplo.com", PASSWORD), ("inativa@exemplo.com", PASSWORD)]
    {
        let before = app.accounts.hasher.computed();
        let answer = app.log_in(email, password).await;
        assert_eq!(app.accounts.hasher.computed() - before, 1, "{email}");
        let mut problem = answer.problem(Code::InvalidCredentials);
        problem.request_id = None;
        answers.push(problem);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[rstest]
#[case::another_password("UPDATE users SET password_version = password_version + 1")]
#[case::no_longer_active("UPDATE users SET is_active = false")]
#[tokio::test]
async fn what_changes_while_a_log_in_is_under_way_counts(#[case] change: &'static str) {
    let app = TestApp::new().await;
    app.register("ana@exemplo.com").await;
    // It reads the account, verifies the password, and meets this lock when it wants to begin its session.
    let mut tx = postgres::Db::from(app.pool().clone()).begin().await.unwrap();
    sqlx::query("SELECT FROM users FOR UPDATE").execute(&mut *tx).await.unwrap();
    let changing = async {
        harness::sql::somebody_waits(app.pool()).await;
        sqlx::query(change).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(app.log_in("ana@exemplo.com", PASSWORD), changing);
    answer.problem(Code::InvalidCredentials);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1, "that of the registration");
}

#[tokio::test]
async fn an_account_that_ended_keeps_nothing() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    app.execute("UPDATE users SET is_active = false").await;
    app.ask("GET", "/v1/users/me", &session.access_token, None).await.problem(Code::InvalidToken);
    app.refresh(&session.refresh_token).await.problem(Code::InvalidRefreshToken);
    let answer = app.change_password(&session.access_token, PASSWORD, "another long one").await;
    answer.problem(Code::InvalidToken);
}

#[tokio::test]
async fn a_log_in_renews_a_hash_with_parameters_of_old() {
    let app = TestApp::new().await;
    app.register("ana@exemplo.com").await;
    let newer = app.beside(&json!({"passwords": {"passes": 3}})).await.unwrap();
    let _: Session = newer.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(app.pool()).await.unwrap();
    assert!(hash.contains("t=3"), "{hash}");
    let _: Session = newer.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
}

#[tokio::test]
async fn callers_see_themselves_and_nobody_else() {
    let app = TestApp::new().await;
    let (ana, bia) = (app.register("ana@exemplo.com").await, app.register("bia@exemplo.com").await);
    assert_eq!(app.me(&ana.access_token).await.email, "ana@exemplo.com");
    assert_eq!(app.me(&bia.access_token).await.email, "bia@exemplo.com");
}

#[tokio::test]
async fn what_cannot_be_a_password_is_refused_unhashed() {
    let app = TestApp::new().await;
    let before = app.accounts.hasher.computed();
    for (email, password, field) in [
        ("nobody", PASSWORD, "email"),
        ("ana@exemplo.com", "", "password"),
        ("ana@exemplo.com", &*"x".repeat(513), "password"),
    ] {
        let problem = app.log_in(email, password).await.problem(Code::ValidationFailed);
        assert_eq!(problem.errors[0].field, field);
    }
    assert_eq!(app.accounts.hasher.computed(), before);
}
