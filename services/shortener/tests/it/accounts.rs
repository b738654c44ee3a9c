//! The part in deleting accounts: commands over the broker, links gone and back.

use crate::{
    app::{TARGET, TestApp, request},
    saga::{disable, enable},
};
use axum::http::StatusCode;
use contracts::{command::Outcome, problem::Code};
use futures::future::join_all;
use harness::{FakePeer, PATIENCE};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use uuid::Uuid;

#[tokio::test]
async fn all_links_lead_nowhere_and_come_back_as_they_were() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let mut saga = FakePeer::new(&app.sandbox, "auth").await;
    let links: Vec<_> = (0..250).map(|number| json!({"url": TARGET, "code": format!("link-{number}")})).collect();
    app.as_user("POST", "/v1/links/bulk", Some(json!({"links": links}))).await;
    let theirs = json!({"url": TARGET, "code": "theirs"});
    app.send(request("POST", "/v1/links", Some(&app.stranger()), Some(theirs))).await;
    // In the memory of another process, too.
    other.follow("link-7").await.leads_to(TARGET);

    let id = Uuid::now_v7();
    for attempt in 1..=2 {
        assert!(matches!(saga.tell(&disable(app.user, id, attempt)).await, Outcome::Done { .. }));
    }
    for code in ["link-0", "link-7", "link-249"] {
        app.follow(code).await.problem(Code::Gone);
    }
    let told = kit::eventually(PATIENCE, "the other process to hear of it", async || {
        Ok((other.follow("link-7").await.status == 410).then_some(()))
    });
    told.await.unwrap();
    app.follow("theirs").await.leads_to(TARGET);
    assert!(!app.read("link-7").await.active);
    app.as_user("POST", "/v1/links", Some(json!({"url": TARGET}))).await.problem(Code::Conflict);

    assert!(matches!(saga.tell(&enable(app.user, id, 1)).await, Outcome::Done { .. }));
    for code in ["link-0", "link-7", "link-249"] {
        app.follow(code).await.leads_to(TARGET);
    }
    let back = app.read("link-7").await;
    assert_eq!((back.active, back.version), (true, 3));
    app.link().await;
}

#[tokio::test]
async fn what_was_undone_before_it_was_done_is_refused_and_disables_nothing() {
    let app = TestApp::new().await;
    let mut saga = FakePeer::new(&app.sandbox, "auth").await;
    let link = app.link().await;
    let id = Uuid::now_v7();
    assert!(matches!(saga.tell(&enable(app.user, id, 1)).await, Outcome::Done { .. }));
    let late = saga.tell(&disable(app.user, id, 1)).await;
    assert!(matches!(&late, Outcome::Refused { code, .. } if code == "undone"), "{late:?}");
    app.follow(&link.code).await.leads_to(TARGET);
    // Links that another saga disabled are not this one's to enable.
    assert!(matches!(saga.tell(&disable(app.user, Uuid::now_v7(), 1)).await, Outcome::Done { .. }));
    assert!(matches!(saga.tell(&enable(app.user, id, 1)).await, Outcome::Done { .. }));
    app.follow(&link.code).await.problem(Code::Gone);
}

#[tokio::test]
async fn links_that_are_made_in_that_very_moment_are_disabled_too() {
    let app = TestApp::new().await;
    let mut saga = FakePeer::new(&app.sandbox, "auth").await;
    let disabled = async {
        app.link().await;
        saga.tell(&disable(app.user, Uuid::now_v7(), 1)).await
    };
    let one = json!({"url": TARGET});
    let many = json!({"links": vec![one.clone(); 20]});
    let single = (0..8).map(|_| until_refused(&app, "/v1/links", &one));
    let bulk = (0..2).map(|_| until_refused(&app, "/v1/links/bulk", &many));
    tokio::join!(join_all(single), join_all(bulk), disabled);
    let urls = app.database().await.collection::<Document>("urls");
    let of_owner = doc! {"auth_user_id": mongodb::bson::Uuid::from(app.user)};
    assert!(urls.count_documents(of_owner.clone()).await.unwrap() > 10);
    let mut active = of_owner;
    active.insert("disabled_by", doc! {"$exists": false});
    assert_eq!(urls.count_documents(active).await.unwrap(), 0);
}

/// Makes links until the account makes no more.
async fn until_refused(app: &TestApp, path: &str, body: &Value) {
    loop {
        let answer = app.as_user("POST", path, Some(body.clone())).await;
        if answer.status == StatusCode::CONFLICT || answer.body.windows(10).any(|part| part == b"\"conflict\"") {
            return;
        }
        assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
    }
}
