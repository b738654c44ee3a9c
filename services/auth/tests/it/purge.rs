//! What has served its time is dropped, and nothing before.

use crate::app::TestApp;
use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use contracts::{problem::Code, rest::auth::Session};

#[tokio::test]
async fn tokens_and_sessions_are_dropped_when_their_time_is_over() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let next: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);

    app.accounts.purge(Utc::now() + TimeDelta::days(29)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM refresh_tokens").await, 2);

    app.accounts.purge(Utc::now() + TimeDelta::days(31)).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM refresh_tokens").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    app.refresh(&next.refresh_token).await.problem(Code::InvalidRefreshToken);
}

#[tokio::test]
async fn attempts_are_forgotten_when_the_clock_has_caught_up() {
    let app = TestApp::new().await;
    app.log_in("ana@exemplo.com", "wrong").await.problem(Code::InvalidCredentials);
    app.execute("UPDATE attempts SET due = now() - interval '1 second'").await;
    app.accounts.purge(Utc::now()).await.unwrap();
    assert_eq!(app.count("SELECT count(*) FROM attempts").await, 0);
}
