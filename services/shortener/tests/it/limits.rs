//! Links with a limit of clicks.

use crate::app::{TARGET, TestApp, request, with};
use axum::http::StatusCode;
use contracts::problem::Code;
use serde_json::json;

async fn follow_at_once(app: &TestApp, code: &str, times: usize) -> (usize, usize) {
    let following = (0..times).map(|_| app.follow(code));
    let answers = futures::future::join_all(following).await;
    let led = answers.iter().filter(|answer| answer.status == StatusCode::FOUND).count();
    let gone = answers.iter().filter(|answer| answer.status == StatusCode::GONE).count();
    (led, gone)
}

#[tokio::test]
async fn however_many_come_at_once_no_more_than_the_limit_are_led() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "max_clicks": 10})).await;
    assert_eq!(follow_at_once(&app, &link.code, 100).await, (10, 90));
    assert!(!app.read(&link.code).await.active);
}

#[tokio::test]
async fn two_processes_share_one_limit() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let link = app.create(json!({"url": TARGET, "max_clicks": 10})).await;
    let (here, there) = tokio::join!(follow_at_once(&app, &link.code, 30), follow_at_once(&other, &link.code, 30));
    assert_eq!(here.0 + there.0, 10);
}

#[tokio::test]
async fn head_takes_nothing_from_the_limit() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "max_clicks": 1})).await;
    let head = || app.send(request("HEAD", &format!("/{}", link.code), None, None));
    for _ in 0..3 {
        head().await.leads_to(TARGET);
    }
    app.follow(&link.code).await.leads_to(TARGET);
    assert_eq!(head().await.status, StatusCode::GONE);
    app.follow(&link.code).await.problem(Code::Gone);
}

#[tokio::test]
async fn what_a_browser_fetches_ahead_is_refused_and_takes_nothing_from_the_limit() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "max_clicks": 1})).await;
    let ask = || request("GET", &format!("/{}", link.code), None, None);
    for (name, value) in [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "preview")] {
        app.send(with(ask(), name, value)).await.problem(Code::Forbidden);
    }
    app.follow(&link.code).await.leads_to(TARGET);
    app.follow(&link.code).await.problem(Code::Gone);
}

#[tokio::test]
async fn a_link_that_is_used_up_leads_to_its_fallback_and_on_again_when_the_limit_is_raised() {
    let app = TestApp::new().await;
    let over = "https://shop.example/over";
    let link = app.create(json!({"url": TARGET, "max_clicks": 1, "fallback_url": over})).await;
    app.follow(&link.code).await.leads_to(TARGET);
    app.follow(&link.code).await.leads_to(over);
    let path = format!("/v1/links/{}", link.code);
    app.as_user("PATCH", &path, Some(json!({"max_clicks": 2}))).await;
    app.follow(&link.code).await.leads_to(TARGET);
    app.follow(&link.code).await.leads_to(over);
    app.as_user("PATCH", &path, Some(json!({"max_clicks": null}))).await;
    app.follow(&link.code).await.leads_to(TARGET);
}
