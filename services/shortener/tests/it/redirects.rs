//! Following links.

use crate::app::{TARGET, TestApp, request, with};
use axum::http::StatusCode;
use contracts::problem::Code;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::json;

/// Lets a link expire: the API takes future times only.
async fn expire(app: &TestApp, code: &str) {
    let links = app.database().await.collection::<Document>("urls");
    let past = doc! {"$set": {"expires_at": DateTime::from_millis(0)}};
    assert_eq!(links.update_one(doc! {"code": code}, past).await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn a_code_leads_to_its_target_with_its_status() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let answer = app.follow(&link.code).await;
    answer.leads_to(TARGET);
    assert_eq!(answer.status, StatusCode::FOUND);
    assert!(answer.headers.contains_key("x-request-id"));
    for status in [301_u16, 302, 307, 308] {
        let link = app.create(json!({"url": TARGET, "redirect_status": status})).await;
        let answer = app.follow(&link.code).await;
        answer.leads_to(TARGET);
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_percent_encoded_letter_of_a_code_is_that_letter() {
    let app = TestApp::new().await;
    let link = app.create(json!({"url": TARGET, "code": "Br-7_z"})).await;
    assert_eq!(link.code, "Br-7_z");
    for spelled in ["Br%2D7_z", "Br-7%5Fz", "%42r-7_z", "%42%72%2d%37%5f%7a"] {
        app.follow(spelled).await.leads_to(TARGET);
    }
    app.follow("Br%2F7_z").await.problem(Code::NotFound);
}

#[tokio::test]
async fn queries_are_forwarded_where_that_is_wanted() {
    let app = TestApp::new().await;
    let plain = app.create(json!({"url": "https://shop.example/?a=1"})).await;
    app.follow(&format!("{}?b=2", plain.code)).await.leads_to("https://shop.example/?a=1");
    let forwards = app.create(json!({"url": "https://shop.example/?a=1#x", "forward_query": true})).await;
    let answer = app.follow(&format!("{}?b=2&c=%20", forwards.code)).await;
    answer.leads_to("https://shop.example/?a=1&b=2&c=%20#x");
}

#[tokio::test]
async fn what_leads_nowhere_answers_problems_to_programs_and_pages_to_people() {
    let app = TestApp::new().await;
    let link = app.link().await;
    app.as_user("DELETE", &format!("/v1/links/{}", link.code), None).await;
    for (code, problem) in [("unknown", Code::NotFound), ("a.b", Code::NotFound), (&*link.code, Code::Gone)] {
        app.follow(code).await.problem(problem);
        let browser = request("GET", &format!("/{code}"), None, None);
        let answer = app.send(with(browser, "accept", "text/html,*/*;q=0.8")).await;
        assert_eq!(answer.status.as_u16(), problem.status());
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.text().starts_with("<!doctype html>"));
    }
    let elsewhere = app.send(request("GET", "/no/such/place", None, None)).await;
    elsewhere.problem(Code::NotFound);
}

#[tokio::test]
async fn an_expired_link_is_gone_or_leads_to_its_fallback() {
    let app = TestApp::new().await;
    let plain = app.create(json!({"url": TARGET, "expires_at": "2999-01-01T00:00:00Z"})).await;
    let kind =
        app.create(json!({"url": TARGET, "fallback_url": "https://shop.example/over", "redirect_status": 308})).await;
    expire(&app, &plain.code).await;
    expire(&app, &kind.code).await;
    app.follow(&plain.code).await.problem(Code::Gone);
    let answer = app.follow(&kind.code).await;
    answer.leads_to("https://shop.example/over");
    assert_eq!(answer.status, StatusCode::FOUND, "whatever the link's own status");
    assert!(!app.read(&plain.code).await.active);
}

#[tokio::test]
async fn a_change_shows_at_once() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    app.follow(&link.code).await.leads_to(TARGET);
    app.as_user("PATCH", &path, Some(json!({"url": "https://shop.example/b"}))).await;
    app.follow(&link.code).await.leads_to("https://shop.example/b");
    app.as_user("DELETE", &path, None).await;
    app.follow(&link.code).await.problem(Code::Gone);
    // Also where it was known that there is no such code.
    app.follow("chosen").await.problem(Code::NotFound);
    app.create(json!({"url": TARGET, "code": "chosen"})).await;
    app.follow("chosen").await.leads_to(TARGET);
}

#[tokio::test]
async fn the_words_that_are_ours_never_reach_a_link() {
    let app = TestApp::new().await;
    let answer = app.send(request("GET", "/v1/links", None, None)).await;
    answer.problem(Code::Unauthenticated);
    let answer = app.send(request("POST", "/abcdefg", None, None)).await;
    answer.problem(Code::MethodNotAllowed);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}
