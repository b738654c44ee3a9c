//! Requests that come again.

use crate::app::{Answer, TARGET, TestApp, request, with};
use axum::http::{HeaderMap, StatusCode};
use contracts::{
    problem::Code,
    rest::shortener::{CreateLinkResult, CreateLinksResults, Link, LinkPage},
};
use mongodb::bson::{Document, doc};
use serde_json::json;

async fn create(app: &TestApp, token: &str, key: &str, title: &str) -> Answer {
    let body = json!({"url": TARGET, "title": title});
    let create = request("POST", "/v1/links", Some(token), Some(body));
    app.send(with(create, "idempotency-key", key)).await
}

async fn links(app: &TestApp) -> usize {
    let page: LinkPage = app.as_user("GET", "/v1/links", None).await.json(StatusCode::OK);
    page.items.len()
}

#[tokio::test]
async fn the_same_request_makes_one_link_and_is_answered_alike() {
    let app = TestApp::new().await;
    let first: Link = create(&app, &app.token, "k1", "A").await.json(StatusCode::CREATED);
    let path = format!("/v1/links/{}", first.code);
    app.as_user("PATCH", &path, Some(json!({"title": "changed since"}))).await;
    let again: Link = create(&app, &app.token, "k1", "A").await.json(StatusCode::CREATED);
    assert_eq!(again, first);
    assert_eq!(links(&app).await, 1);
    create(&app, &app.token, "k1", "B").await.problem(Code::IdempotencyMismatch);
    create(&app, &app.token, "k2", "A").await.json::<Link>(StatusCode::CREATED);
    assert_eq!(links(&app).await, 2);
    let theirs: Link = create(&app, &app.stranger(), "k1", "B").await.json(StatusCode::CREATED);
    assert_ne!(theirs.code, first.code);
}

#[tokio::test]
async fn the_same_request_many_times_at_once_makes_one_link() {
    let app = TestApp::new().await;
    let creating = (0..8).map(|_| create(&app, &app.token, "at-once", "A"));
    let answers = futures::future::join_all(creating).await;
    let mut codes = std::collections::HashSet::new();
    for answer in answers {
        if answer.status == StatusCode::CREATED {
            codes.insert(answer.json::<Link>(StatusCode::CREATED).code);
        } else {
            answer.problem(Code::IdempotencyInProgress);
        }
    }
    assert_eq!(codes.len(), 1);
    assert_eq!(links(&app).await, 1);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_next_is_told_so() {
    let app = TestApp::new().await;
    let database = app.database().await;
    let mut session = database.client().start_session().await.unwrap();
    // As the first one does, right before it commits.
    session.start_transaction().await.unwrap();
    let row = doc! {"_id": format!("{}/create-link/slow", app.user), "fingerprint": "", "answer": "", "created_at": mongodb::bson::DateTime::now()};
    let keys = database.collection::<Document>("idempotency_keys");
    keys.insert_one(row).session(&mut session).await.unwrap();
    create(&app, &app.token, "slow", "A").await.problem(Code::IdempotencyInProgress);
    session.abort_transaction().await.unwrap();
    create(&app, &app.token, "slow", "A").await.json::<Link>(StatusCode::CREATED);
}

#[tokio::test]
async fn a_request_that_was_refused_may_be_mended_under_the_same_key() {
    let app = TestApp::new().await;
    let bad = request("POST", "/v1/links", Some(&app.token), Some(json!({"url": "nonsense"})));
    app.send(with(bad, "idempotency-key", "k")).await.problem(Code::ValidationFailed);
    create(&app, &app.token, "k", "A").await.json::<Link>(StatusCode::CREATED);
    for key in ["", "with space", &"x".repeat(256)] {
        create(&app, &app.token, key, "A").await.problem(Code::ValidationFailed);
    }
}

#[tokio::test]
async fn keys_are_forgotten_after_72_hours() {
    let app = TestApp::new().await;
    let keys = app.database().await.collection::<Document>("idempotency_keys");
    let mut indexes = keys.list_indexes().await.unwrap();
    let mut kept = Vec::new();
    while indexes.advance().await.unwrap() {
        let index = indexes.deserialize_current().unwrap();
        kept.extend(index.options.and_then(|options| options.expire_after));
    }
    assert_eq!(kept, [std::time::Duration::from_secs(72 * 3_600)]);
}

#[tokio::test]
async fn a_key_means_what_it_means_everywhere_for_one_link_and_for_many() {
    let app = TestApp::new().await;
    for (path, is_many) in [("/v1/links", false), ("/v1/links/bulk", true)] {
        let send = async |headers: HeaderMap, is_other| {
            let link = json!({"url": TARGET, "title": if is_other { "B" } else { "A" }});
            let body = if is_many { json!({"links": [link]}) } else { link };
            let mut asked = request("POST", path, Some(&app.token), Some(body));
            asked.headers_mut().extend(headers);
            app.send(asked).await
        };
        let made = async || i64::try_from(links(&app).await).unwrap();
        harness::idempotency::keys_are_kept(send, made).await;
        let forget = async || {
            let keys = app.database().await.collection::<Document>("idempotency_keys");
            keys.delete_many(doc! {}).await.unwrap();
        };
        harness::idempotency::keys_are_forgotten(send, made, forget).await;
    }
}

#[tokio::test]
async fn many_links_with_a_key_go_on_where_they_stopped() {
    let app = TestApp::new().await;
    let taken: Link = create(&app, &app.token, "one", "A").await.json(StatusCode::CREATED);
    // Three transactions; one link is refused, and chooses the code of its own again when the request is repeated.
    let mut wanted: Vec<_> = (0..1_001).map(|_| json!({"url": TARGET})).collect();
    wanted[3] = json!({"url": TARGET, "code": taken.code});
    wanted[700] = json!({"url": TARGET, "code": "chosen-once"});
    let body = json!({"links": wanted});
    let ask = async || {
        let asked = request("POST", "/v1/links/bulk", Some(&app.token), Some(body.clone()));
        app.send(with(asked, "idempotency-key", "many")).await.json::<CreateLinksResults>(StatusCode::OK).results
    };
    let first = ask().await;
    assert_eq!(first.iter().filter(|result| result.link.is_some()).count(), 1_000);
    assert_eq!(first[3].problem.as_ref().unwrap().code, Code::CodeTaken);
    // The process was killed before the last transaction.
    let keys = app.database().await.collection::<Document>("idempotency_keys");
    let last = format!("{}/create-links.2/many", app.user);
    assert_eq!(keys.delete_one(doc! {"_id": last}).await.unwrap().deleted_count, 1);
    let again = ask().await;
    let links = |results: &[CreateLinkResult]| results.iter().map(|it| it.link.clone()).collect::<Vec<_>>();
    assert_eq!(links(&again[..1_000]), links(&first[..1_000]));
    assert_eq!(again[3].problem.as_ref().unwrap().code, Code::CodeTaken);
    assert_ne!(again[1_000].link.as_ref().unwrap().code, first[1_000].link.as_ref().unwrap().code);
    assert_eq!(links(&ask().await), links(&again));
}
