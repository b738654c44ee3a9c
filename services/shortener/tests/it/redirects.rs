//! Following links.

use crate::world::{TARGET, World, request, with};
use axum::http::StatusCode;
use contracts::problem::Code;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::json;

/// Lets a link expire: the API takes future times only.
async fn expire(world: &World, code: &str) {
    let links = world.database().await.collection::<Document>("urls");
    let past = doc! {"$set": {"expires_at": DateTime::from_millis(0)}};
    assert_eq!(links.update_one(doc! {"code": code}, past).await.unwrap().matched_count, 1);
}

#[tokio::test]
async fn a_code_leads_to_its_target_with_its_status() {
    let world = World::new().await;
    let link = world.link().await;
    let answer = world.follow(&link.code).await;
    answer.leads_to(TARGET);
    assert_eq!(answer.status, StatusCode::FOUND);
    assert!(answer.headers.contains_key("x-request-id"));
    for status in [301_u16, 302, 307, 308] {
        let link = world.create(json!({"url": TARGET, "redirect_status": status})).await;
        let answer = world.follow(&link.code).await;
        answer.leads_to(TARGET);
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_percent_encoded_letter_of_a_code_is_that_letter() {
    let world = World::new().await;
    let link = world.create(json!({"url": TARGET, "code": "Br-7_z"})).await;
    assert_eq!(link.code, "Br-7_z");
    for spelled in ["Br%2D7_z", "Br-7%5Fz", "%42r-7_z", "%42%72%2d%37%5f%7a"] {
        world.follow(spelled).await.leads_to(TARGET);
    }
    world.follow("Br%2F7_z").await.problem(Code::NotFound);
}

#[tokio::test]
async fn queries_are_forwarded_where_that_is_wanted() {
    let world = World::new().await;
    let plain = world.create(json!({"url": "https://shop.example/?a=1"})).await;
    world.follow(&format!("{}?b=2", plain.code)).await.leads_to("https://shop.example/?a=1");
    let forwards = world.create(json!({"url": "https://shop.example/?a=1#x", "forward_query": true})).await;
    let answer = world.follow(&format!("{}?b=2&c=%20", forwards.code)).await;
    answer.leads_to("https://shop.example/?a=1&b=2&c=%20#x");
}

#[tokio::test]
async fn what_leads_nowhere_answers_problems_to_programs_and_pages_to_people() {
    let world = World::new().await;
    let link = world.link().await;
    world.ask("DELETE", &format!("/v1/links/{}", link.code), None).await;
    for (code, problem) in [("unknown", Code::NotFound), ("a.b", Code::NotFound), (&*link.code, Code::Gone)] {
        world.follow(code).await.problem(problem);
        let browser = request("GET", &format!("/{code}"), None, None);
        let answer = world.send(with(browser, "accept", "text/html,*/*;q=0.8")).await;
        assert_eq!(answer.status.as_u16(), problem.status());
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.text().starts_with("<!doctype html>"));
    }
    let elsewhere = world.send(request("GET", "/no/such/place", None, None)).await;
    elsewhere.problem(Code::NotFound);
}

#[tokio::test]
async fn an_expired_link_is_gone_or_leads_to_its_fallback() {
    let world = World::new().await;
    let plain = world.create(json!({"url": TARGET, "expires_at": "2999-01-01T00:00:00Z"})).await;
    let kind =
        world.create(json!({"url": TARGET, "fallback_url": "https://shop.example/over", "redirect_status": 308})).await;
    expire(&world, &plain.code).await;
    expire(&world, &kind.code).await;
    world.follow(&plain.code).await.problem(Code::Gone);
    let answer = world.follow(&kind.code).await;
    answer.leads_to("https://shop.example/over");
    assert_eq!(answer.status, StatusCode::FOUND, "whatever the link's own status");
    assert!(!world.read(&plain.code).await.active);
}

#[tokio::test]
async fn a_change_shows_at_once() {
    let world = World::new().await;
    let link = world.link().await;
    let path = format!("/v1/links/{}", link.code);
    world.follow(&link.code).await.leads_to(TARGET);
    world.ask("PATCH", &path, Some(json!({"url": "https://shop.example/b"}))).await;
    world.follow(&link.code).await.leads_to("https://shop.example/b");
    world.ask("DELETE", &path, None).await;
    world.follow(&link.code).await.problem(Code::Gone);
    // Also where it was known that there is no such code.
    world.follow("chosen").await.problem(Code::NotFound);
    world.create(json!({"url": TARGET, "code": "chosen"})).await;
    world.follow("chosen").await.leads_to(TARGET);
}

#[tokio::test]
async fn the_words_that_are_ours_never_reach_a_link() {
    let world = World::new().await;
    let answer = world.send(request("GET", "/v1/links", None, None)).await;
    answer.problem(Code::Unauthenticated);
    let answer = world.send(request("POST", "/abcdefg", None, None)).await;
    answer.problem(Code::MethodNotAllowed);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
}
