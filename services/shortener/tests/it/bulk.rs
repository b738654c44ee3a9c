//! Making many links at once.

use crate::app::{Answer, TARGET, TestApp};
use axum::http::StatusCode;
use contracts::{
    problem::Code,
    rest::shortener::{CreateLinksResults, LinkPage},
};
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use std::collections::HashSet;

async fn send(app: &TestApp, links: Vec<Value>) -> Answer {
    app.as_user("POST", "/v1/links/bulk", Some(json!({"links": links}))).await
}

#[tokio::test]
async fn each_item_succeeds_or_fails_by_itself() {
    let app = TestApp::new().await;
    app.create(json!({"url": TARGET, "code": "taken"})).await;
    let items = vec![
        json!({"url": TARGET, "title": "0"}),
        json!({"url": "nonsense", "max_clicks": 0}),
        json!({"url": TARGET, "code": "mine"}),
        json!({"url": TARGET, "code": "mine"}),
        json!({"url": TARGET, "code": "taken"}),
        json!({"url": TARGET, "title": "5"}),
    ];
    let answer: CreateLinksResults = send(&app, items).await.json(StatusCode::OK);
    let results = answer.results;
    assert_eq!(results.iter().map(|result| result.index).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    let made: Vec<_> = results.iter().map(|result| result.link.is_some()).collect();
    assert_eq!(made, [true, false, true, false, false, true]);
    let wrong = results[1].problem.as_ref().unwrap();
    assert_eq!(wrong.code, Code::ValidationFailed);
    let fields: Vec<_> = wrong.errors.iter().map(|error| &*error.field).collect();
    assert_eq!(fields, ["links[1].url", "links[1].max_clicks"]);
    for taken in [3, 4] {
        assert_eq!(results[taken].problem.as_ref().unwrap().code, Code::CodeTaken);
    }
    let page: LinkPage = app.as_user("GET", "/v1/links", None).await.json(StatusCode::OK);
    assert_eq!(page.items.len(), 4);
    app.follow("mine").await.leads_to(TARGET);
}

#[tokio::test]
async fn five_thousand_links_are_made_quickly_each_with_its_event() {
    let app = TestApp::new().await;
    let items = (0..5_000).map(|n| {
        let mut item = json!({"url": format!("{TARGET}/{n}"), "title": format!("Link {n}"), "tags": ["bulk"]});
        if n % 10 == 0 {
            item["code"] = json!(format!("bulk-{n}"));
        }
        item
    });
    let items: Vec<_> = items.collect();
    // Within the time that a request may take.
    let answer = send(&app, items).await;
    let results = answer.json::<CreateLinksResults>(StatusCode::OK).results;
    let codes: HashSet<_> = results.iter().map(|result| &result.link.as_ref().unwrap().code).collect();
    assert_eq!(codes.len(), 5_000);
    let urls = app.database().await.collection::<Document>("urls");
    assert_eq!(urls.count_documents(doc! {}).await.unwrap(), 5_000);
}

#[tokio::test]
async fn too_few_too_many_and_nonsense_are_refused_as_a_whole() {
    let app = TestApp::new().await;
    send(&app, vec![]).await.problem(Code::ValidationFailed);
    send(&app, vec![json!({"url": TARGET}); 5_001]).await.problem(Code::ValidationFailed);
    let problem = send(&app, vec![json!({"url": TARGET}), json!({})]).await.problem(Code::ValidationFailed);
    assert_eq!(problem.errors[0].field, "links[1].url");
}
