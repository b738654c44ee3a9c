//! Changing the password.

use crate::app::{PASSWORD, TestApp, limit};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::json;

const NEW: &str = "outra senha bem longa";

#[tokio::test]
async fn the_new_password_counts_and_every_other_session_ends() {
    let app = TestApp::new().await;
    let mine = app.register("ana@exemplo.com").await;
    let other: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let strangers = app.register("bia@exemplo.com").await;

    app.change_password(&mine.access_token, PASSWORD, NEW).await.no_content();

    app.log_in("ana@exemplo.com", PASSWORD).await.problem(Code::InvalidCredentials);
    let _: Session = app.log_in("ana@exemplo.com", NEW).await.json(StatusCode::CREATED);
    app.refresh(&other.refresh_token).await.problem(Code::InvalidRefreshToken);
    let _: Session = app.refresh(&mine.refresh_token).await.json(StatusCode::OK);
    let _: Session = app.refresh(&strangers.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn a_refreshed_session_is_still_the_callers() {
    let app = TestApp::new().await;
    let first = app.register("ana@exemplo.com").await;
    let next: Session = app.refresh(&first.refresh_token).await.json(StatusCode::OK);
    // With the access token from before the refresh, which is good for its fifteen minutes.
    app.change_password(&first.access_token, PASSWORD, NEW).await.no_content();
    let _: Session = app.refresh(&next.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let token = &session.access_token;
    let wrong = app.change_password(token, "not the password", NEW).await;
    wrong.problem(Code::InvalidCredentials);
    for new in ["short", PASSWORD, "ana@exemplo.com", "password123"] {
        let problem = app.change_password(token, PASSWORD, new).await.problem(Code::ValidationFailed);
        assert_eq!(problem.errors[0].field, "new_password", "{new}");
    }
    let empty = app.change_password(token, "", NEW).await.problem(Code::ValidationFailed);
    assert_eq!(empty.errors[0].field, "current_password");
    let _: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let _: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn the_token_of_a_session_that_ended_changes_no_password() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    app.log_out(&session.refresh_token).await.no_content();
    let answer = app.change_password(&session.access_token, PASSWORD, NEW).await;
    answer.problem(Code::InvalidToken);
    let _: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let token = &session.access_token;
    let (one, other) = tokio::join!(
        app.change_password(token, PASSWORD, "outra senha longa 1"),
        app.change_password(token, PASSWORD, "outra senha longa 2"),
    );
    let changed = [&one, &other].iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(changed, 1);
}

#[tokio::test]
async fn a_stolen_token_guesses_in_its_session_only_and_hinders_nobody() {
    let limits = json!({
        "login_per_address": limit(1_000, 1), "login_per_pair": limit(100, 1),
        "register_per_address": limit(1_000, 1), "proof_per_session": limit(3, 3_600),
    });
    let app = TestApp::with(json!({"limits": limits})).await;
    let stolen = app.register("ana@exemplo.com").await;
    // A new token of the same session is no new allowance.
    let next: Session = app.refresh(&stolen.refresh_token).await.json(StatusCode::OK);
    for token in [&stolen.access_token, &next.access_token, &stolen.access_token] {
        app.change_password(token, "not the password", NEW).await.problem(Code::InvalidCredentials);
    }
    for token in [&stolen.access_token, &next.access_token] {
        app.change_password(token, PASSWORD, NEW).await.problem(Code::RateLimited);
        app.delete_account(token, PASSWORD).await.problem(Code::RateLimited);
    }
    let own: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    app.change_password(&own.access_token, PASSWORD, NEW).await.no_content();
}

#[tokio::test]
async fn strangers_log_ins_do_not_keep_the_owner_from_a_change_of_the_password() {
    let app = TestApp::with(json!({"limits": {"login_per_pair": limit(3, 3_600)}})).await;
    let session = app.register("ana@exemplo.com").await;
    for _ in 0..3 {
        app.log_in("ana@exemplo.com", "not the password").await.problem(Code::InvalidCredentials);
    }
    app.log_in("ana@exemplo.com", "not the password").await.problem(Code::RateLimited);
    app.change_password(&session.access_token, PASSWORD, NEW).await.no_content();
}
