//! A service or its store is away: it costs its own fields, and nothing else.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e_tests::{Answer, Client, Platform, User, visitor};
use kit::engines::Private;
use kit::{Engine, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::PATIENCE;

/// How long a link may take without its statistics: more than the gateway waits for those (800 ms), and less than it
/// waits for anything else. The machine is shared, so it is the quickest of several answers that must keep to it.
const SOON: Duration = Duration::from_millis(1_500);

/// How long it may take while the breaker is open: less than anybody waits for statistics.
const OPEN: Duration = Duration::from_millis(700);

const LINK: &str = "query($code: String!) { link(code: $code) { code url stats { clicks stale asOf } } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_service_costs_its_own_fields() -> Result<()> {
    let platform = Platform::strict().await?;
    let ana = platform.user("Ana").await?;
    let operators = platform.operators(&platform.operator().await?.client);
    for code in ["seen", "unseen"] {
        ana.create_link(json!({ "url": format!("https://shop.example/{code}"), "code": code })).await?;
        platform.visitor().visit(code, &visitor::CHROME).await?;
        ana.sees_clicks(code, 1).await?;
    }
    let fresh = with_fresh_statistics(&ana, "seen").await?;
    assert_eq!(fresh["link"]["stats"]["clicks"], 1);

    platform.stack.kill9("analytics").await?;
    links_go_on_without_statistics(&ana, &operators).await?;
    the_last_copy_is_shown_as_such(&ana, &fresh).await?;
    while_open_rest_says_when_to_come_again(&ana.client).await?;
    platform.stack.restart("analytics").await?;
    breaker_becomes(&operators, "analytics", "closed").await?;
    with_fresh_statistics(&ana, "unseen").await?;

    platform.stack.kill9("shortener").await?;
    the_account_does_not_need_links(&platform, &ana).await?;
    platform.stack.restart("shortener").await?;
    breaker_becomes(&operators, "shortener", "closed").await?;
    let back = ana.client.ask(LINK, json!({ "code": "seen" })).await?.data()?;
    assert_eq!(back["link"]["url"], "https://shop.example/seen");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_clickhouse_costs_statistics_and_nothing_else() -> Result<()> {
    let engines = Private::start(&[Engine::Clickhouse]).await?;
    let platform = Platform::strict_on(&engines).await?;
    let ana = platform.user("Ana").await?;
    let operators = platform.operators(&platform.operator().await?.client);
    ana.create_link(json!({ "url": "https://shop.example/unseen", "code": "unseen" })).await?;

    engines.kill9(Engine::Clickhouse).await?;
    // Redirects do not need it; their clicks wait.
    let visited = platform.visitor().visit("unseen", &visitor::CHROME).await?;
    assert_eq!(visited.status, StatusCode::FOUND);
    links_go_on_without_statistics(&ana, &operators).await?;

    engines.start_again(Engine::Clickhouse).await?;
    breaker_becomes(&operators, "analytics", "closed").await?;
    with_fresh_statistics(&ana, "unseen").await?;
    ana.sees_clicks("unseen", 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_mongodb_costs_owners_their_links_and_visitors_nothing() -> Result<()> {
    let engines = Private::start(&[Engine::Mongo]).await?;
    let platform = Platform::strict_on(&engines).await?;
    let ana = platform.user("Ana").await?;
    let operators = platform.operators(&platform.operator().await?.client);
    ana.create_link(json!({ "url": "https://shop.example/known", "code": "known" })).await?;
    platform.visitor().visit("known", &visitor::CHROME).await?;

    engines.kill9(Engine::Mongo).await?;
    for _ in 0..30 {
        let visitor = platform.visitor();
        let (read, visit) =
            tokio::join!(ana.client.get("/api/shortener/v1/links"), visitor.visit("known", &visitor::CHROME));
        let (read, visit) = (read?, visit?);
        assert_eq!(visit.status, StatusCode::FOUND, "{}", visit.text());
        assert!(read.status.is_server_error(), "{}", read.text());
    }
    let classes = operators.get("/breakers/shortener").await?.success()?["classes"].take();
    assert_eq!((&classes[2]["class"], &classes[2]["state"]), (&json!("redirect"), &json!("closed")), "{classes}");

    engines.start_again(Engine::Mongo).await?;
    breaker_becomes(&operators, "shortener", "closed").await?;
    // Her calls had no answer in time: alone she is asked to wait a few seconds.
    let read = async || ana.client.get("/api/shortener/v1/links").await?.success().map(Some);
    eventually(PATIENCE, "her links to be read again", read).await.map(drop)
}

/// Asks for a link whose statistics nobody has seen, until the breaker opens: the link is answered soon.
async fn links_go_on_without_statistics(ana: &User, operators: &Client) -> Result<()> {
    let mut quickest = Duration::MAX;
    eventually(PATIENCE, "the breaker to open", async || {
        let answer = ana.client.ask(LINK, json!({ "code": "unseen" })).await?;
        answers_without_statistics(&answer)?;
        quickest = quickest.min(answer.took);
        let breaker = operators.get("/breakers/analytics").await?.success()?;
        Ok((breaker["state"] == "open").then_some(()))
    })
    .await?;
    assert!(quickest < SOON, "{quickest:?}");
    // Open, it says when to come again, and costs no time at all.
    let answer = answered_within(OPEN, ana, "unseen").await?;
    answers_without_statistics(&answer)?;
    let error = answer.error()?;
    let wait = error["retryAfterMs"].as_u64().context("no hint when to come again")?;
    assert!((1..=60_000).contains(&wait), "{error}");
    Ok(())
}

/// Asks for a link until an answer takes less than `limit`.
async fn answered_within(limit: Duration, ana: &User, code: &str) -> Result<Answer> {
    eventually(PATIENCE, "an answer in time", async || {
        let answer = ana.client.ask(LINK, json!({ "code": code })).await?;
        ensure!(answer.took < limit, "it took {:?}: {}", answer.took, answer.text());
        Ok(Some(answer))
    })
    .await
}

fn answers_without_statistics(answer: &Answer) -> Result<()> {
    let link = json!({ "code": "unseen", "url": "https://shop.example/unseen", "stats": null });
    assert_eq!(answer.partial()?["link"], link, "{}", answer.text());
    let error = answer.error()?;
    assert_eq!(error["service"], "analytics", "{error}");
    let code = error["code"].as_str().unwrap_or_default();
    assert!(["unavailable", "timeout"].contains(&code), "{error}");
    assert_eq!(answer.errors()?[0]["path"][1], "stats", "{}", answer.text());
    Ok(())
}

async fn the_last_copy_is_shown_as_such(ana: &User, fresh: &Value) -> Result<()> {
    let copy = answered_within(OPEN, ana, "seen").await?;
    let (fresh, copy) = (&fresh["link"]["stats"], copy.data()?["link"]["stats"].take());
    assert_eq!(copy["stale"], true);
    assert_eq!((&copy["clicks"], &copy["asOf"]), (&fresh["clicks"], &fresh["asOf"]));
    Ok(())
}

async fn while_open_rest_says_when_to_come_again(client: &Client) -> Result<()> {
    let answer = client.get("/api/analytics/v1/stats").await?;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").parse::<u64>()? >= 1, "{:?}", answer.headers);
    assert_eq!(answer.problem()?.code.as_str(), "unavailable");
    let other = client.get("/api/shortener/v1/links").await?;
    assert_eq!(other.status, StatusCode::OK, "other services are not touched");
    Ok(())
}

/// Waits for a state of a breaker that nobody asks anything of meanwhile.
async fn breaker_becomes(operators: &Client, name: &str, state: &str) -> Result<()> {
    eventually(PATIENCE, &format!("the breaker of {name} to be {state}"), async || {
        let breaker = operators.get(&format!("/breakers/{name}")).await?.success()?;
        ensure!(breaker["state"] == state, "{breaker}");
        Ok(Some(()))
    })
    .await
}

/// Waits for a link whose statistics are not a copy's: on a busy machine they may miss their deadline.
async fn with_fresh_statistics(ana: &User, code: &str) -> Result<Value> {
    eventually(PATIENCE, "fresh statistics", async || {
        let data = ana.client.ask(LINK, json!({ "code": code })).await?.data()?;
        Ok((data["link"]["stats"]["stale"] == false).then_some(data))
    })
    .await
}

async fn the_account_does_not_need_links(platform: &Platform, ana: &User) -> Result<()> {
    let query = "{ me { email } link(code: \"seen\") { url } }";
    let answer = ana.client.ask(query, Value::Null).await?;
    assert_eq!(answer.partial()?, json!({ "me": { "email": ana.email }, "link": null }), "{}", answer.text());
    let error = answer.error()?;
    assert_eq!((&error["service"], &error["code"]), (&json!("shortener"), &json!("unavailable")));
    eventually(PATIENCE, "statistics within their deadline", async || {
        let stats = ana.client.get("/api/analytics/v1/links/seen/stats").await?;
        ensure!(stats.status == StatusCode::OK, "{}", stats.text());
        Ok(Some(()))
    })
    .await?;
    let redirect = platform.visitor().visit("seen", &visitor::CHROME).await?;
    assert_eq!(redirect.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(redirect.problem()?.code.as_str(), "unavailable");
    Ok(())
}
