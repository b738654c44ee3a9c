//! What operators see of breakers, and do to them.

use anyhow::{Context as _, Result, ensure};
use e2e_tests::{Client, Platform};
use kit::eventually;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::PATIENCE;

#[tokio::test(flavor = "multi_thread")]
async fn operators_hold_a_breaker_open_and_let_it_go() -> Result<()> {
    let platform = Platform::start().await?;
    let (ana, operator) = (platform.user("Ana").await?, platform.operator().await?);
    let operators = platform.operators(&operator.client);
    ana.create_link(json!({ "url": "https://shop.example/held", "code": "held" })).await?;

    // Nobody else sees or moves anything there, and nothing of it is on the public address.
    let forced = json!({ "state": "open", "ttl_seconds": 60, "reason": "analytics is being moved" });
    for (client, status) in
        [(platform.visitor(), StatusCode::UNAUTHORIZED), (ana.client.clone(), StatusCode::FORBIDDEN)]
    {
        let client = platform.operators(&client);
        assert_eq!(client.get("/breakers").await?.status, status);
        assert_eq!(client.get("/breakers/events").await?.status, status);
        assert_eq!(client.post("/breakers/analytics/force", &forced).await?.status, status);
    }
    assert_eq!(operator.client.get("/breakers").await?.status, StatusCode::NOT_FOUND);

    let list = operators.get("/breakers").await?.success()?;
    let names: Vec<_> = list["breakers"].as_array().context("breakers")?.iter().map(|it| it["name"].clone()).collect();
    for name in ["auth", "shortener", "analytics"] {
        assert!(names.contains(&json!(name)), "{name} in {names:?}");
    }

    // Held open: its fields are missing, REST says when to come again, the rest goes on.
    let mut events = operators.watch("/breakers/events", None).await?;
    assert_eq!(events.next().await?.name, "snapshot");
    let held = operators.post("/breakers/analytics/force", &forced).await?.success()?;
    assert_eq!((&held["state"], &held["forced"]["reason"]), (&json!("open"), &forced["reason"]));
    statistics_are_held_back(&ana.client).await?;
    assert_eq!(operator.client.get("/metrics").await?.status, StatusCode::NOT_FOUND, "strangers see no metrics");
    let metrics = operators.get("/metrics").await?.text();
    let one_hot = metrics.lines().find(|line| is_open_analytics(line)).context("no metric says that it is open")?;
    assert!(one_hot.ends_with(" 1"), "{one_hot}");

    // Reset: all is as before.
    let reset = operators.post("/breakers/analytics/reset", &json!({ "reason": "it has moved" })).await?.success()?;
    assert_eq!((&reset["state"], &reset["forced"]), (&json!("closed"), &Value::Null));
    eventually(PATIENCE, "statistics to be back", async || {
        let answer = ana.client.ask("{ link(code: \"held\") { stats { clicks } } }", Value::Null).await?;
        Ok((answer.data()?["link"]["stats"]["clicks"] == 0).then_some(()))
    })
    .await?;

    every_move_is_told(&platform, &operators, events).await?;
    every_deed_is_written_down(&operators, &operator.session["user"]["id"]).await
}

fn is_open_analytics(line: &str) -> bool {
    line.starts_with("breaker_state{") && line.contains("\"analytics\"") && line.contains("\"open\"")
}

async fn statistics_are_held_back(ana: &Client) -> Result<()> {
    let answer = ana.ask("{ link(code: \"held\") { url stats { clicks } } }", Value::Null).await?;
    assert_eq!(answer.partial()?["link"], json!({ "url": "https://shop.example/held", "stats": null }));
    let error = answer.error()?;
    assert_eq!((&error["code"], &error["service"]), (&json!("unavailable"), &json!("analytics")));
    assert!(error["retryAfterMs"].as_u64().is_some_and(|wait| wait > 0), "{error}");
    let rest = ana.get("/api/analytics/v1/stats").await?;
    assert_eq!((rest.status, rest.problem()?.code.as_str()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"));
    assert!(rest.header("retry-after").parse::<u64>()? >= 1);
    assert_eq!(ana.get("/api/shortener/v1/links").await?.status, StatusCode::OK);
    Ok(())
}

/// The moves come as they happen, and again to whoever says which was the last that came.
async fn every_move_is_told(platform: &Platform, operators: &Client, mut events: e2e_tests::Events) -> Result<()> {
    let opened = events.until(|event| event.name == "transition").await?;
    let closed = events.until(|event| event.name == "transition").await?;
    let (first, second) = (opened.json()?, closed.json()?);
    assert_eq!((&first["breaker"], &first["to"]), (&json!("analytics"), &json!("open")), "{first}");
    assert_eq!(first["reason"], "analytics is being moved");
    assert_eq!((&second["from"], &second["to"]), (&json!("open"), &json!("closed")), "{second}");
    let (last, next) = (opened.id.context("a move without an id")?, closed.id.clone());
    assert_eq!(first["number"].to_string(), last);
    drop(events);

    let mut again = operators.watch("/breakers/events", Some(&last)).await?;
    let event = again.until(|event| event.name == "transition").await?;
    assert_eq!((&event.id, event.json()?), (&next, second), "what came after the last one that was seen");

    // A gateway that stops lets go of those who watch.
    platform.stack.stop("gateway").await?;
    let end = again.next().await;
    ensure!(end.is_err(), "{end:?}");
    platform.stack.restart("gateway").await
}

/// The audit log outlives the gateway.
async fn every_deed_is_written_down(operators: &Client, operator: &Value) -> Result<()> {
    let log = operators.get("/breakers/audit").await?.success()?;
    let entries = log["entries"].as_array().context("entries")?;
    let told: Vec<_> = entries.iter().map(|it| (it["action"].as_str(), it["reason"].as_str())).collect();
    let expected = [(Some("reset"), Some("it has moved")), (Some("force_open"), Some("analytics is being moved"))];
    assert_eq!(told, expected, "the latest first");
    for entry in entries {
        assert_eq!((&entry["operator"], &entry["breaker"]), (operator, &json!("analytics")));
    }
    Ok(())
}
