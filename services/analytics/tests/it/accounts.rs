//! The part in deleting accounts: commands over the broker, statistics gone and back.

use crate::{
    saga::{attach, detach},
    support::TestApp,
};
use anyhow::Result;
use contracts::command::Outcome;
use harness::FakePeer;
use reqwest::StatusCode;
use uuid::Uuid;

#[tokio::test]
async fn statistics_are_hidden_from_everybody_and_come_back_whole() -> Result<()> {
    let app = TestApp::start().await?;
    let (owner, other) = (Uuid::now_v7(), Uuid::now_v7());
    app.link(owner, "boots").await?;
    app.link(other, "shoes").await?;
    let mut saga = FakePeer::new(&app.sandbox, "auth").await;
    let id = Uuid::now_v7();
    for attempt in 1..=2 {
        assert!(matches!(saga.tell(&detach(owner, id, attempt)).await, Outcome::Done { .. }));
        assert_eq!(app.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(app.get(other, "/v1/links/shoes/stats").await?.status(), StatusCode::OK);
    assert!(matches!(saga.tell(&attach(owner, id, 1)).await, Outcome::Done { .. }));
    assert_eq!(app.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::OK);
    // Another deletion is another saga.
    assert!(matches!(saga.tell(&detach(owner, Uuid::now_v7(), 1)).await, Outcome::Done { .. }));
    assert_eq!(app.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn what_was_undone_before_it_was_done_is_refused_and_hides_nothing() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    app.link(owner, "boots").await?;
    let mut saga = FakePeer::new(&app.sandbox, "auth").await;
    let id = Uuid::now_v7();
    assert!(matches!(saga.tell(&attach(owner, id, 1)).await, Outcome::Done { .. }));
    let late = saga.tell(&detach(owner, id, 1)).await;
    assert!(matches!(&late, Outcome::Refused { code, .. } if code == "undone"), "{late:?}");
    assert_eq!(app.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::OK);
    Ok(())
}
