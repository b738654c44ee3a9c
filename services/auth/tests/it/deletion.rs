//! Deleting an account: the saga, with the other services played over the broker.

use crate::{
    app::{PASSWORD, TestApp},
    participants::Participants,
};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::auth::{Deletion, DeletionStatus},
};
use std::time::Duration;

const ANA: &str = "ana@exemplo.com";

async fn account_is_gone(app: &TestApp) {
    let gone = kit::eventually(Duration::from_secs(30), "the account to be gone", async || {
        anyhow::Ok((app.count("SELECT count(*) FROM users").await == 0).then_some(()))
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn links_statistics_customer_and_account_go_in_this_order() {
    let app = TestApp::new().await;
    let participants = Participants::obedient(&app.sandbox).await;
    let session = app.register(ANA).await;
    let answer = app.delete_account(&session.access_token, PASSWORD).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);

    account_is_gone(&app).await;
    let told = participants.told();
    assert_eq!(told, ["shortener.links.disable", "analytics.statistics.detach", "orders.customer.erase"]);
    app.ask("GET", "/v1/users/me", &session.access_token, None).await.problem(Code::InvalidToken);
    app.refresh(&session.refresh_token).await.problem(Code::InvalidRefreshToken);
    app.log_in(ANA, PASSWORD).await.problem(Code::InvalidCredentials);
    let events = "SELECT count(*) FROM outbox WHERE routing_key = 'auth.user.deleted'";
    let published = kit::eventually(Duration::from_secs(20), "the event to be published", async || {
        anyhow::Ok((app.count(events).await == 0).then_some(()))
    });
    published.await.unwrap();
    // The address is free again, and nothing of the old account comes with it.
    let again = app.register(ANA).await;
    assert_ne!(again.user.id, session.user.id);
    app.ask("GET", "/v1/users/me/deletion", &again.access_token, None).await.problem(Code::NotFound);
}

#[tokio::test]
async fn an_order_under_way_puts_everything_back() {
    let app = TestApp::new().await;
    let participants = Participants::refusing(&app.sandbox, "orders.customer.erase", "open_orders").await;
    let session = app.register(ANA).await;
    let asked = app.delete_account(&session.access_token, PASSWORD).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED);

    let told = participants.told_at_least(5).await;
    assert_eq!(told[3..], ["analytics.statistics.attach", "shortener.links.enable"]);
    let refused = kit::eventually(Duration::from_secs(20), "the deletion to be refused", async || {
        let deletion: Deletion =
            app.ask("GET", "/v1/users/me/deletion", &session.access_token, None).await.json(StatusCode::OK);
        anyhow::Ok((deletion.status == DeletionStatus::Refused).then_some(deletion))
    });
    assert_eq!(refused.await.unwrap().reason.as_deref(), Some("open_orders"));
    assert_eq!(app.me(&session.access_token).await.email, ANA);
    assert_eq!(app.log_in(ANA, PASSWORD).await.status, StatusCode::CREATED);
    // What was refused can be asked for again.
    app.delete_account(&session.access_token, PASSWORD).await;
    let deletion: Deletion =
        app.ask("GET", "/v1/users/me/deletion", &session.access_token, None).await.json(StatusCode::OK);
    assert_eq!(deletion.status, DeletionStatus::UnderWay);
}

#[tokio::test]
async fn asking_twice_deletes_once_and_a_wrong_password_deletes_nothing() {
    let app = TestApp::new().await;
    let session = app.register(ANA).await;
    let wrong = app.delete_account(&session.access_token, "uma outra senha longa").await;
    wrong.problem(Code::InvalidCredentials);
    assert_eq!(app.count("SELECT count(*) FROM sagas").await, 0);
    for _ in 0..2 {
        let asked = app.delete_account(&session.access_token, PASSWORD).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED);
    }
    assert_eq!(app.count("SELECT count(*) FROM sagas").await, 1);
}

#[tokio::test]
async fn a_deletion_waits_for_services_that_are_away_and_ends_in_another_process() {
    let app = TestApp::new().await;
    let session = app.register(ANA).await;
    app.delete_account(&session.access_token, PASSWORD).await;
    let sandbox = std::sync::Arc::clone(&app.sandbox);
    drop(app);
    let participants = Participants::obedient(&sandbox).await;
    let app = TestApp::on(sandbox, serde_json::json!({})).await.unwrap();
    account_is_gone(&app).await;
    assert_eq!(participants.told().len(), 3);
}
