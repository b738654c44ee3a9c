//! Changing the password.

use crate::world::{PASSWORD, World, limit};
use axum::http::StatusCode;
use contracts::{problem::Code, rest::auth::Session};
use serde_json::json;

const NEW: &str = "outra senha bem longa";

#[tokio::test]
async fn the_new_password_counts_and_every_other_session_ends() {
    let world = World::new().await;
    let mine = world.register("ana@exemplo.com").await;
    let other: Session = world.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let strangers = world.register("bia@exemplo.com").await;

    world.change_password(&mine.access_token, PASSWORD, NEW).await.no_content();

    world.log_in("ana@exemplo.com", PASSWORD).await.problem(Code::InvalidCredentials);
    let _: Session = world.log_in("ana@exemplo.com", NEW).await.json(StatusCode::CREATED);
    world.refresh(&other.refresh_token).await.problem(Code::InvalidRefreshToken);
    let _: Session = world.refresh(&mine.refresh_token).await.json(StatusCode::OK);
    let _: Session = world.refresh(&strangers.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn a_refreshed_session_is_still_the_callers() {
    let world = World::new().await;
    let first = world.register("ana@exemplo.com").await;
    let next: Session = world.refresh(&first.refresh_token).await.json(StatusCode::OK);
    // With the access token from before the refresh, which is good for its fifteen minutes.
    world.change_password(&first.access_token, PASSWORD, NEW).await.no_content();
    let _: Session = world.refresh(&next.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    let token = &session.access_token;
    let wrong = world.change_password(token, "not the password", NEW).await;
    wrong.problem(Code::InvalidCredentials);
    for new in ["short", PASSWORD, "ana@exemplo.com", "password123"] {
        let problem = world.change_password(token, PASSWORD, new).await.problem(Code::ValidationFailed);
        assert_eq!(problem.errors[0].field, "new_password", "{new}");
    }
    let empty = world.change_password(token, "", NEW).await.problem(Code::ValidationFailed);
    assert_eq!(empty.errors[0].field, "current_password");
    let _: Session = world.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    let _: Session = world.refresh(&session.refresh_token).await.json(StatusCode::OK);
}

#[tokio::test]
async fn the_token_of_a_session_that_ended_changes_no_password() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    world.log_out(&session.refresh_token).await.no_content();
    let answer = world.change_password(&session.access_token, PASSWORD, NEW).await;
    answer.problem(Code::InvalidToken);
    let _: Session = world.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
}

#[tokio::test]
async fn of_two_changes_at_once_one_wins() {
    let world = World::new().await;
    let session = world.register("ana@exemplo.com").await;
    let token = &session.access_token;
    let (one, other) = tokio::join!(
        world.change_password(token, PASSWORD, "outra senha longa 1"),
        world.change_password(token, PASSWORD, "outra senha longa 2"),
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
    let world = World::with(json!({"limits": limits})).await;
    let stolen = world.register("ana@exemplo.com").await;
    // A new token of the same session is no new allowance.
    let next: Session = world.refresh(&stolen.refresh_token).await.json(StatusCode::OK);
    for token in [&stolen.access_token, &next.access_token, &stolen.access_token] {
        world.change_password(token, "not the password", NEW).await.problem(Code::InvalidCredentials);
    }
    for token in [&stolen.access_token, &next.access_token] {
        world.change_password(token, PASSWORD, NEW).await.problem(Code::RateLimited);
        world.delete_account(token, PASSWORD).await.problem(Code::RateLimited);
    }
    let own: Session = world.log_in("ana@exemplo.com", PASSWORD).await.json(StatusCode::CREATED);
    world.change_password(&own.access_token, PASSWORD, NEW).await.no_content();
}

#[tokio::test]
async fn strangers_log_ins_do_not_keep_the_owner_from_a_change_of_the_password() {
    let world = World::with(json!({"limits": {"login_per_pair": limit(3, 3_600)}})).await;
    let session = world.register("ana@exemplo.com").await;
    for _ in 0..3 {
        world.log_in("ana@exemplo.com", "not the password").await.problem(Code::InvalidCredentials);
    }
    world.log_in("ana@exemplo.com", "not the password").await.problem(Code::RateLimited);
    world.change_password(&session.access_token, PASSWORD, NEW).await.no_content();
}
