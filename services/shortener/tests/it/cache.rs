//! Lookups over several processes.

use crate::app::{TARGET, TestApp};
use contracts::problem::Code;
use kit::eventually;
use serde_json::json;
use std::time::Duration;

/// Far less than the 30 s after which memory is looked up anew in any case.
const SOON: Duration = Duration::from_secs(5);

async fn leads_to(app: &TestApp, code: &str, target: &str) {
    let outcome = eventually(SOON, target, async || {
        let answer = app.follow(code).await;
        Ok(answer.headers.get("location").filter(|location| *location == target).map(|_| ()))
    });
    outcome.await.unwrap();
}

#[tokio::test]
async fn a_change_in_one_process_shows_in_the_others_at_once() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    other.follow(&link.code).await.leads_to(TARGET);
    // Until the other listens, nothing tells it.
    for round in 0..3 {
        let target = format!("https://shop.example/{round}");
        app.as_user("PATCH", &path, Some(json!({"url": target}))).await;
        leads_to(&other, &link.code, &target).await;
    }
    app.as_user("DELETE", &path, None).await;
    let gone = eventually(SOON, "410", async || {
        let answer = other.follow(&link.code).await;
        Ok((answer.status.as_u16() == Code::Gone.status()).then_some(()))
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_lookup_that_is_overtaken_by_a_change_leaves_nothing_old_behind() {
    let app = TestApp::new().await;
    let other = app.beside().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    for round in 0..20 {
        let target = format!("https://shop.example/{round}");
        let change = app.as_user("PATCH", &path, Some(json!({"url": target})));
        tokio::join!(change, app.follow(&link.code), other.follow(&link.code));
        app.follow(&link.code).await.leads_to(&target);
        leads_to(&other, &link.code, &target).await;
    }
}

#[tokio::test]
async fn what_redis_holds_survives_the_process_and_is_no_older_than_the_change() {
    let app = TestApp::new().await;
    let link = app.link().await;
    let path = format!("/v1/links/{}", link.code);
    app.follow(&link.code).await.leads_to(TARGET);
    app.as_user("PATCH", &path, Some(json!({"url": "https://shop.example/new"}))).await;
    let fresh = app.beside().await;
    fresh.follow(&link.code).await.leads_to("https://shop.example/new");
}
