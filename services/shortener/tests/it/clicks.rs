//! From the redirect to the count on the link.

use crate::app::{TARGET, TestApp, request, with};
use axum::http::StatusCode;
use contracts::{
    amqp::CLICKS_LOG,
    event::shortener::{Click, UrlClicked},
};
use kit::eventually;
use messaging::{
    Broker,
    stream::{Reader, Start},
};
use mongodb::bson::{DateTime, Document, doc};
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);

/// Clicks as whoever reads the stream sees them, up to `count`.
async fn shipped(app: &TestApp, count: usize) -> Vec<Click> {
    let broker = Broker::new(&app.sandbox.amqp_admin().into(), "test");
    let mut reader = Reader::open(&broker, CLICKS_LOG, Start::First);
    let (mut clicks, mut watermark) = (Vec::new(), 0);
    while clicks.len() < count {
        let record = tokio::time::timeout(SOON, reader.next()).await.unwrap().unwrap();
        let batch = record.message.decode::<UrlClicked>().unwrap().data;
        for (sequence, click) in (batch.first_sequence..).zip(batch.clicks) {
            if sequence > watermark {
                watermark = sequence;
                clicks.push(click);
            }
        }
    }
    clicks
}

async fn counted(app: &TestApp, code: &str, count: u64) {
    let what = format!("{count} clicks on {code}");
    let outcome = eventually(SOON, &what, async || {
        let found = app.read(code).await.click_count;
        anyhow::ensure!(found <= count, "{found} are too many");
        Ok((found == count).then_some(()))
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_click_tells_what_statistics_need_and_names_nobody() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let visit = request("GET", &format!("/{}", link.code), None, None);
    let visit = with(visit, "x-forwarded-for", "198.51.100.77");
    let visit = with(visit, "user-agent", "Mozilla/5.0 (test)");
    let visit = with(visit, "referer", "https://News.example:8443/story?id=7");
    let visit = with(visit, "accept-language", "pt-BR,pt;q=0.9");
    app.send(visit).await.leads_to(TARGET);
    let clicks = shipped(&app, 1).await;
    let click = &clicks[0];
    assert_eq!(click.url_id, link.id);
    assert_eq!(click.user_agent.as_deref(), Some("Mozilla/5.0 (test)"));
    assert_eq!(click.referrer.as_deref(), Some("news.example"));
    assert_eq!(click.language.as_deref(), Some("pt"));
    assert_eq!(click.visitor.len(), 32);
    assert!(!serde_json::to_string(click).unwrap().contains("198.51.100.77"));
    for entry in std::fs::read_dir(app.spool.path()).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&content).contains("198.51.100.77"));
    }
}

#[tokio::test]
async fn the_same_visitor_is_known_again_on_the_same_link_by_every_process() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let (link, another) = (app.link().await, app.link().await);
    let visit = async |app: &TestApp, code: &str, address: &str| {
        let visit = request("GET", &format!("/{code}"), None, None);
        app.send(with(visit, "x-forwarded-for", address)).await.leads_to(TARGET);
    };
    visit(&app, &link.code, "198.51.100.1").await;
    visit(&other, &link.code, "198.51.100.1").await;
    visit(&app, &link.code, "198.51.100.2").await;
    visit(&app, &another.code, "198.51.100.1").await;
    counted(&app, &link.code, 3).await;
    counted(&app, &another.code, 1).await;
    let broker = Broker::new(&app.sandbox.amqp_admin().into(), "test");
    let mut reader = Reader::open(&broker, CLICKS_LOG, Start::First);
    let (mut visitors, mut total) = (std::collections::HashSet::new(), 0);
    while total < 4 {
        let record = tokio::time::timeout(SOON, reader.next()).await.unwrap().unwrap();
        for click in record.message.decode::<UrlClicked>().unwrap().data.clicks {
            visitors.insert(click.visitor);
            total += 1;
        }
    }
    assert_eq!(visitors.len(), 3);
}

#[tokio::test]
async fn every_redirect_is_counted_once_and_nothing_else_is() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let over = "https://shop.example/over";
    let limited = app.create(json!({"url": TARGET, "max_clicks": 3, "fallback_url": over})).await;
    for _ in 0..25 {
        app.follow(&link.code).await.leads_to(TARGET);
    }
    let head = request("HEAD", &format!("/{}", link.code), None, None);
    app.send(head).await.leads_to(TARGET);
    // Three redirects to the target, two to the fallback: redirects all of them.
    for _ in 0..5 {
        assert_eq!(app.follow(&limited.code).await.status, StatusCode::FOUND);
    }
    counted(&app, &limited.code, 5).await;
    counted(&app, &link.code, 25).await;
}

#[tokio::test]
async fn a_process_that_ends_and_starts_again_counts_on() {
    let app = TestApp::new().await;
    let link = app.link().await;
    for _ in 0..7 {
        app.follow(&link.code).await;
    }
    counted(&app, &link.code, 7).await;
    app.end().await;
    let next = app.beside().await;
    for _ in 0..5 {
        next.follow(&link.code).await;
    }
    counted(&next, &link.code, 12).await;
}

#[tokio::test]
async fn several_processes_count_together() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let link = app.link().await;
    for _ in 0..10 {
        tokio::join!(app.follow(&link.code), other.follow(&link.code));
    }
    counted(&app, &link.code, 20).await;
    app.end().await;
    other.follow(&link.code).await;
    counted(&other, &link.code, 21).await;
}

#[tokio::test]
async fn salts_end_within_two_days() {
    let app = TestApp::new().await;
    let salts = app.database().await.collection::<Document>("visitor_salts");
    let salt = eventually(SOON, "a salt", async || Ok(salts.find_one(doc! {}).await?));
    let salt = salt.await.unwrap();
    let end = salt.get_datetime("destroy_at").unwrap().to_chrono();
    assert!(end - chrono::Utc::now() < chrono::TimeDelta::hours(27));
    let mut indexes = salts.list_indexes().await.unwrap();
    let mut destroys = false;
    while indexes.advance().await.unwrap() {
        let options = indexes.deserialize_current().unwrap().options.unwrap_or_default();
        destroys |= options.expire_after == Some(Duration::ZERO);
    }
    assert!(destroys);
}

#[tokio::test]
async fn what_a_killed_counter_left_open_holds_nobody_up() {
    let app = TestApp::new().await;
    let link = app.link().await;
    app.follow(&link.code).await;
    counted(&app, &link.code, 1).await;
    app.end().await;
    // As a counter that is killed between its writes and its commit.
    let database = app.database().await;
    let progress = database.collection::<Document>("click_progress");
    let mut session = database.client().start_session().await.unwrap();
    let note = doc! {"$set": {"session": session.id()}};
    progress.update_one(doc! {"_id": "session"}, note).await.unwrap();
    session.start_transaction().await.unwrap();
    let touch = doc! {"$set": {"at": DateTime::now()}};
    progress.update_one(doc! {"_id": "offset"}, touch).session(&mut session).await.unwrap();

    let next = app.beside().await;
    next.follow(&link.code).await;
    // By itself MongoDB would give the transaction up after a minute.
    counted(&next, &link.code, 2).await;
    assert!(session.commit_transaction().await.is_err());
}
