//! Staying logged in, and logging out.

use crate::app::{PASSWORD, TestApp};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};

#[tokio::test]
async fn tokens_rotate_and_each_new_one_works() {
    let app = TestApp::new().await;
    let mut session = app.register("ana@exemplo.com").await;
    for _ in 0..3 {
        let next: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);
        assert_ne!(next.refresh_token, session.refresh_token);
        assert_ne!(next.access_token, session.access_token);
        assert_eq!(app.me(&next.access_token).await, session.user);
        session = next;
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn a_token_that_comes_twice_ends_its_session_and_no_other() {
    let app = TestApp::new().await;
    let stolen = app.register("ana@exemplo.com").await;
    let other: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let second: Session = app.refresh(&stolen.refresh_token).await.json(StatusCode::OK);
    let third: Session = app.refresh(&second.refresh_token).await.json(StatusCode::OK);

    // An old one of the family, not the last: all the same.
    app.refresh(&stolen.refresh_token).await.problem(Code::InvalidRefreshToken);
    app.refresh(&third.refresh_token).await.problem(Code::InvalidRefreshToken);
    let reason: String = sqlx::query_scalar("SELECT revoked_because FROM sessions WHERE revoked_at IS NOT NULL")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!(reason, "token_reused");
    let _: Session = app.refresh(&other.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn of_one_token_sent_many_times_at_once_one_is_answered_and_the_session_ends() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let answers = futures::future::join_all((0..8).map(|_| app.refresh(&session.refresh_token))).await;
    let good: Vec<_> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
    assert_eq!(good.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        answer.problem(Code::InvalidRefreshToken);
    }
    let next: Session = good[0].json(StatusCode::OK);
    app.refresh(&next.refresh_token).await.problem(Code::InvalidRefreshToken);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_is_no_sign_of_theft() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    app.execute("UPDATE refresh_tokens SET expires_at = now() - interval '1 second'").await;
    app.refresh(&session.refresh_token).await.problem(Code::InvalidRefreshToken);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_refused() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let unknown = "A".repeat(43);
    for token in ["", "nonsense", &*unknown, &*session.access_token, "\u{1}", &*format!("{} ", session.refresh_token)] {
        app.refresh(token).await.problem(Code::InvalidRefreshToken);
    }
    let _: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn logging_out_ends_the_session_and_twice_is_as_good_as_once() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let other: Session = app.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    app.log_out(&session.refresh_token).await.no_content();
    app.log_out(&session.refresh_token).await.no_content();
    app.log_out("nonsense").await.no_content();
    app.refresh(&session.refresh_token).await.problem(Code::InvalidRefreshToken);
    let _: Session = app.refresh(&other.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn a_used_token_still_logs_out() {
    let app = TestApp::new().await;
    let session = app.register("ana@exemplo.com").await;
    let next: Session = app.refresh(&session.refresh_token).await.json(StatusCode::OK);
    app.log_out(&session.refresh_token).await.no_content();
    app.refresh(&next.refresh_token).await.problem(Code::InvalidRefreshToken);
}
