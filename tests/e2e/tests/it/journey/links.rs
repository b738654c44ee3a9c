//! One link: made, clicked, measured, changed, deleted.

use std::rc::Rc;

use anyhow::{Result, ensure};
use chrono::{DateTime, Duration, SubsecRound as _, Utc};
use e2e_tests::{Platform, visitor};
use kit::eventually;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::PATIENCE;

const ALL_FIELDS: &str = "id code url shortUrl title tags createdAt expiresAt maxClicks clickCount active";

const MEASURE: &str = "query($code: String!) { link(code: $code) { code url clickCount
    stats { clicks uniqueVisitors series { at clicks uniqueVisitors } topReferrers { name count }
            topCountries { name count } browsers { name count } devices { name count } asOf stale }
    all: stats(includeBots: true) { clicks uniqueVisitors devices { name count } } } }";

pub(super) async fn a_link_is_made_clicked_and_measured(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    let expires_at = (Utc::now() + Duration::days(1)).trunc_subsecs(3);

    // She makes a link and says everything about it.
    let query = format!("mutation($input: CreateLinkInput!) {{ createLink(input: $input) {{ {ALL_FIELDS} }} }}");
    let input = json!({
        "url": "https://shop.example/sale?campaign=1#top", "code": "summer-sale", "title": "Summer sale",
        "tags": ["sale", "summer"], "expiresAt": expires_at, "maxClicks": 100, "redirectStatus": 307,
        "forwardQuery": true, "fallbackUrl": "https://shop.example/over",
    });
    let mut data = ana.client.ask(&query, json!({ "input": input })).await?.data()?;
    let link = data["createLink"].take();
    for field in ["url", "code", "title", "tags", "maxClicks"] {
        assert_eq!(link[field], input[field], "{field}");
    }
    assert_eq!(link["expiresAt"].as_str().unwrap_or_default().parse::<DateTime<Utc>>()?, expires_at);
    assert_eq!(link["shortUrl"], format!("{}/r/summer-sale", platform.stack.url("gateway")));
    assert_eq!((&link["clickCount"], &link["active"]), (&json!(0), &json!(true)));

    // Four people's browsers and a crawler follow it; one of the people comes twice.
    let (first, second, third, crawler) =
        (platform.visitor(), platform.visitor(), platform.visitor(), platform.visitor());
    for (client, agent) in [
        (&first, visitor::CHROME),
        (&first, visitor::CHROME),
        (&second, visitor::FIREFOX),
        (&third, visitor::IPHONE),
        (&crawler, visitor::GOOGLEBOT),
    ] {
        let answer = client.visit("summer-sale?utm=mail", &agent).await?;
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.header("location"), "https://shop.example/sale?campaign=1&utm=mail#top");
        assert_eq!(answer.header("cache-control"), "private, no-store");
    }
    // Looking where it leads is no click.
    let looked = first.call(Method::HEAD, "/r/summer-sale").await?;
    assert_eq!((looked.status, looked.body.len()), (StatusCode::TEMPORARY_REDIRECT, 0));

    // She sees exactly these clicks.
    let link = eventually(PATIENCE, "the clicks to be counted", async || {
        let mut data = ana.client.ask(MEASURE, json!({ "code": "summer-sale" })).await?.data()?;
        let link = data["link"].take();
        ensure!(link["clickCount"] == 5 && link["all"]["clicks"] == 5, "{link}");
        Ok(Some(link))
    })
    .await?;
    assert_eq!((&link["code"], &link["url"]), (&json!("summer-sale"), &input["url"]));
    let stats = &link["stats"];
    assert_eq!((&stats["clicks"], &stats["uniqueVisitors"]), (&json!(4), &json!(3)), "{stats}");
    assert_eq!(stats["topReferrers"], counts(&[("news.example", 3), ("direct", 1)]));
    assert_eq!(stats["topCountries"], counts(&[("unknown", 4)]));
    assert_eq!(stats["browsers"], counts(&[("Chrome", 2), ("Firefox", 1), ("Safari", 1)]));
    assert_eq!(stats["devices"], counts(&[("desktop", 3), ("mobile", 1)]));
    assert_eq!(stats["stale"], false);
    assert!(stats["asOf"].as_str().unwrap_or_default().parse::<DateTime<Utc>>()? <= Utc::now());
    let series = stats["series"].as_array().cloned().unwrap_or_default();
    let sum = |field: &str| series.iter().map(|point| point[field].as_u64().unwrap_or_default()).sum::<u64>();
    assert_eq!((sum("clicks"), sum("uniqueVisitors")), (4, 3), "{series:?}");
    assert!(series.len() >= 30, "days without clicks are points too: {}", series.len());
    assert_eq!(link["all"]["uniqueVisitors"], 4);
    assert_eq!(link["all"]["devices"], counts(&[("desktop", 3), ("bot", 1), ("mobile", 1)]));
    Ok(())
}

fn counts(expected: &[(&str, u64)]) -> Value {
    expected.iter().map(|(name, count)| json!({ "name": name, "count": count })).collect()
}

pub(super) async fn a_link_is_changed_and_deleted(platform: Rc<Platform>) -> Result<()> {
    let ana = platform.user("Ana").await?;
    let code = ana.create_link(json!({ "url": "https://shop.example/old", "title": "Old", "tags": ["a"] })).await?;
    assert_eq!(code.len(), 7, "{code}");
    let visitor = platform.visitor();
    let leads = visitor.visit(&code, &visitor::CHROME).await?;
    assert_eq!((leads.status, leads.header("location")), (StatusCode::FOUND, "https://shop.example/old"));

    // What she does not name stays; null clears.
    let query = "mutation($code: String!, $input: UpdateLinkInput!) { updateLink(code: $code, input: $input) {
        code url title tags maxClicks } }";
    let change = json!({ "url": "https://shop.example/new", "title": null, "maxClicks": 9 });
    let data = ana.client.ask(query, json!({ "code": code, "input": change })).await?.data()?;
    let expected =
        json!({ "code": code, "url": "https://shop.example/new", "title": null, "tags": ["a"], "maxClicks": 9 });
    assert_eq!(data["updateLink"], expected);
    eventually(PATIENCE, "the redirect to follow the change", async || {
        let answer = visitor.visit(&code, &visitor::CHROME).await?;
        Ok((answer.header("location") == "https://shop.example/new").then_some(()))
    })
    .await?;

    // A deleted link is gone for visitors, unknown to her, and its code is never given out again.
    let delete = "mutation($code: String!) { deleteLink(code: $code) }";
    let data = ana.client.ask(delete, json!({ "code": code })).await?.data()?;
    assert_eq!(data["deleteLink"], true);
    let gone = eventually(PATIENCE, "the link to be gone", async || {
        let answer = visitor.visit(&code, &visitor::CHROME).await?;
        Ok((answer.status == StatusCode::GONE).then_some(answer))
    })
    .await?;
    assert_eq!(gone.problem()?.code.as_str(), "gone");
    let data = ana.client.ask("query($c: String!) { link(code: $c) { code } }", json!({ "c": code })).await?.data()?;
    assert_eq!(data["link"], Value::Null);
    assert_eq!(ana.client.ask(delete, json!({ "code": code })).await?.error_code()?, "not_found");
    let again = "mutation($input: CreateLinkInput!) { createLink(input: $input) { code } }";
    let input = json!({ "url": "https://shop.example/third", "code": code });
    assert_eq!(ana.client.ask(again, json!({ "input": input })).await?.error_code()?, "code_taken");
    Ok(())
}
