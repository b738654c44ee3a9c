//! What shortener tells others.

use crate::app::{TARGET, TestApp};
use contracts::{
    amqp::EVENTS_LOG,
    event::shortener::{UrlCreated, UrlDeleted, UrlUpdated},
};
use messaging::{
    Broker, Message,
    stream::{Reader, Start},
};
use serde_json::json;
use std::time::Duration;

async fn published(app: &TestApp, count: usize) -> Vec<Message> {
    let broker = Broker::new(&app.sandbox.amqp_admin().into(), "test");
    let mut reader = Reader::open(&broker, EVENTS_LOG, Start::First);
    let mut messages = Vec::new();
    while messages.len() < count {
        let record = tokio::time::timeout(Duration::from_secs(30), reader.next()).await;
        messages.push(record.unwrap().unwrap().message);
    }
    messages
}

#[tokio::test]
async fn every_change_is_told_once_in_order_with_its_version() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "title": "A", "tags": ["t"]})).await;
    let path = format!("/v1/links/{}", link.code);
    app.as_user("PATCH", &path, Some(json!({"title": "B", "redirect_status": 301}))).await;
    app.as_user("PATCH", &path, Some(json!({"title": "B"}))).await;
    app.as_user("DELETE", &path, None).await;
    let messages = published(&app, 3).await;
    let told: Vec<_> = messages.iter().map(|message| (message.kind.as_str(), message.version)).collect();
    let expected = [("shortener.url.created", 1), ("shortener.url.updated", 2), ("shortener.url.deleted", 3)];
    assert_eq!(told, expected);
    assert!(messages.iter().all(|message| message.subject == link.id.to_string()));
    let created = messages[0].decode::<UrlCreated>().unwrap();
    assert_eq!(created.data.short_code, link.code);
    assert_eq!(created.data.original_url, TARGET);
    assert!(created.correlation_id.is_some());
    let updated = messages[1].decode::<UrlUpdated>().unwrap().data;
    assert_eq!(updated.changed, ["title", "redirect_status"]);
    assert_eq!(updated.title.as_deref(), Some("B"));
    let deleted = messages[2].decode::<UrlDeleted>().unwrap().data;
    assert_eq!(deleted.auth_user_id, created.data.auth_user_id);
}

#[tokio::test]
async fn what_was_refused_is_not_told() {
    let app = TestApp::new().await;
    app.create(json!({"url": TARGET, "code": "mine"})).await;
    app.as_user("POST", "/v1/links", Some(json!({"url": TARGET, "code": "mine"}))).await;
    app.create(json!({"url": TARGET, "code": "next"})).await;
    let messages = published(&app, 2).await;
    // Links are told of side by side: only the events of one are in order.
    let codes: std::collections::BTreeSet<_> =
        messages.iter().map(|message| message.decode::<UrlCreated>().unwrap().data.short_code).collect();
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["mine", "next"]);
}
