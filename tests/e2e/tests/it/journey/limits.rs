//! Links that end by themselves.

use std::rc::Rc;

use anyhow::Result;
use e2e_tests::{Platform, visitor};
use reqwest::StatusCode;
use serde_json::json;

pub(super) async fn a_link_ends_when_it_is_used_up(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    let strict = ana.create_link(json!({ "url": "https://shop.example/first-three", "maxClicks": 3 })).await?;
    let kind = json!({ "url": "https://shop.example/one", "maxClicks": 1, "fallbackUrl": "https://shop.example/late" });
    let kind = ana.create_link(kind).await?;

    // Twelve come at once; three are let through, and not one more.
    let visits = (0..12).map(|_| {
        let (visitor, code) = (platform.visitor(), strict.clone());
        tokio::spawn(async move { visitor.visit(&code, &visitor::CHROME).await })
    });
    let mut statuses = Vec::new();
    for visit in visits.collect::<Vec<_>>() {
        statuses.push(visit.await??.status);
    }
    let count = |wanted: StatusCode| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(StatusCode::FOUND), count(StatusCode::GONE)), (3, 9), "{statuses:?}");

    // With a fallback nobody is turned away.
    let visitor = platform.visitor();
    let first = visitor.visit(&kind, &visitor::CHROME).await?;
    let second = visitor.visit(&kind, &visitor::CHROME).await?;
    assert_eq!((first.status, first.header("location")), (StatusCode::FOUND, "https://shop.example/one"));
    assert_eq!((second.status, second.header("location")), (StatusCode::FOUND, "https://shop.example/late"));

    // Redirects answered are clicks counted, to the fallback too.
    ana.sees_clicks(&strict, 3).await?;
    ana.sees_clicks(&kind, 2).await?;
    let query = "query($code: String!) { link(code: $code) { active maxClicks } }";
    let data = ana.client.ask(query, json!({ "code": strict })).await?.data()?;
    assert_eq!(data["link"], json!({ "active": false, "maxClicks": 3 }));
    Ok(())
}
