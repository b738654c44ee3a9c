//! The copy of the links.

use crate::support::{Shortener, TestApp, ask, created};
use anyhow::Result;
use chrono::Utc;
use contracts::{
    envelope::Event,
    event::shortener::{UrlDeleted, UrlUpdated},
};
use harness::PATIENCE;
use kit::eventually;
use reqwest::StatusCode;
use uuid::Uuid;

#[tokio::test]
async fn versions_that_come_late_or_twice_change_nothing() -> Result<()> {
    let app = TestApp::start().await?;
    let (owner, url_id, code) = (Uuid::now_v7(), Uuid::now_v7(), "shoes");
    let created = created(url_id, owner, code);
    let updated = Event::new(
        url_id.to_string(),
        2,
        UrlUpdated {
            url_id,
            short_code: code.to_owned(),
            original_url: "https://example.com/boots".to_owned(),
            auth_user_id: owner,
            title: None,
            tags: Vec::new(),
            created_at: created.data.created_at,
            expires_at: None,
            changed: vec!["original_url".to_owned()],
            updated_at: Utc::now(),
        },
    );
    let gone = UrlDeleted { url_id, short_code: code.to_owned(), auth_user_id: owner, deleted_at: Utc::now() };
    let deleted = Event::new(url_id.to_string(), 3, gone);
    app.shortener.publish(&updated).await?;
    app.shortener.publish(&deleted).await?;
    app.shortener.publish(&created).await?;
    app.shortener.publish(&updated).await?;
    app.known(owner, code).await?;
    eventually(PATIENCE, "the oldest version to have come", async || {
        let rows = ask(&app.sandbox, "SELECT count() FROM url_creations WHERE version = 1").await?;
        let merged = ask(&app.sandbox, "SELECT version FROM url_creations FINAL").await?;
        Ok((rows != "0" || merged == "3").then_some(()))
    })
    .await?;
    let newest =
        ask(&app.sandbox, "SELECT version, is_deleted, original_url, title, length(tags) FROM url_creations FINAL");
    assert_eq!(newest.await?, "3\ttrue\t\t\\N\t0", "what was deleted is not kept");
    Ok(())
}

#[tokio::test]
async fn statistics_of_a_deleted_link_stay_the_owners() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let url_id = app.link(owner, "boots").await?;
    let gone = UrlDeleted { url_id, short_code: "boots".to_owned(), auth_user_id: owner, deleted_at: Utc::now() };
    app.shortener.publish(&Event::new(url_id.to_string(), 2, gone)).await?;
    eventually(PATIENCE, "the link to be deleted", async || {
        let newest = ask(&app.sandbox, "SELECT version FROM url_creations FINAL").await?;
        Ok((newest == "2").then_some(()))
    })
    .await?;
    assert_eq!(app.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::OK);
    assert_eq!(app.get(Uuid::now_v7(), "/v1/links/boots/stats").await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn links_that_were_made_before_the_queues_existed_are_known() -> Result<()> {
    let sandbox = crate::support::sandbox().await?;
    let early = Shortener::new(&sandbox).await?;
    let owner = Uuid::now_v7();
    for code in ["older", "oldest"] {
        early.link(owner, code).await?;
    }
    let app = TestApp::within(sandbox).await?;
    app.known(owner, "older").await?;
    app.known(owner, "oldest").await?;
    app.link(owner, "newer").await?;
    app.known(owner, "newer").await
}
