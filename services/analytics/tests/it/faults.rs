//! Killed processes and engines: clicks counted = clicks published, and honest answers meanwhile.

use crate::support::{Shortener, TestApp, at, click, exactly, problem, sandbox};
use anyhow::{Result, ensure};
use contracts::{
    patience::STATEMENT,
    problem::Code,
    rest::analytics::{LinkStats, StatsBatch},
};
use harness::PATIENCE;
use kit::{Engine, Sandbox, engines::Private, eventually};
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Instant;
use uuid::Uuid;

const BATCHES: u64 = 150;
const BATCH: u64 = 40;

/// Publishes clicks as a shipper does: in order, one batch in flight, repeated until confirmed.
async fn flow(shortener: &Shortener, link: Uuid) -> Result<()> {
    let (spool, now) = (Uuid::now_v7(), at("2026-11-20T12:00:00Z"));
    for first in (0..BATCHES).map(|batch| 1 + batch * BATCH) {
        let clicks = (first..first + BATCH).map(|n| click(link, now, n.into())).collect();
        shortener.click(spool, first, clicks).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicks_are_exact_after_analytics_was_killed_in_the_middle() -> Result<()> {
    let app = TestApp::within(sandbox().await?).await?;
    let link = app.link(Uuid::now_v7(), "killed").await?;
    let killing = async {
        for part in 1..=3 {
            eventually(PATIENCE, "some clicks to be counted", async || {
                let (rows, _) = crate::support::counted(&app.sandbox).await?;
                Ok((rows >= part * BATCHES * BATCH / 5).then_some(()))
            })
            .await?;
            app.stack.kill9("analytics").await?;
            app.stack.restart("analytics").await?;
        }
        Ok(())
    };
    tokio::try_join!(flow(&app.shortener, link), killing)?;
    exactly(&app.sandbox, BATCHES * BATCH).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicks_are_exact_after_clickhouse_was_killed_and_answers_are_quick_meanwhile() -> Result<()> {
    let engines = Private::start(&[Engine::Clickhouse]).await?;
    let app = TestApp::within(Sandbox::on(&engines).await?).await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "away").await?;
    let killing = async {
        eventually(PATIENCE, "some clicks to be counted", async || {
            let (rows, _) = crate::support::counted(&app.sandbox).await?;
            Ok((rows >= BATCHES * BATCH / 5).then_some(()))
        })
        .await?;
        engines.kill9(Engine::Clickhouse).await?;
        let batch = json!({"codes": ["away"], "window": {}, "facets": [{"kind": "totals"}]});
        for (method, path, body) in [
            (Method::GET, "/v1/links/away/stats", None),
            (Method::POST, "/v1/stats/batch", Some(batch)),
            (Method::GET, "/v1/stats", None),
            (Method::GET, "/v1/links/away/clicks/live", None),
            (Method::GET, "/v1/links/away/clicks/export", None),
        ] {
            // An engine that is away is noticed, and not waited for: on a busy machine, by one of several.
            eventually(PATIENCE, "an answer before a statement's time is over", async || {
                let began = Instant::now();
                let answer = app.send(owner, method.clone(), path, body.clone()).await?;
                let took = began.elapsed();
                assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
                assert!(answer.headers().contains_key("retry-after"), "{path}");
                assert_eq!(problem(answer).await?.code, Code::Unavailable, "{path}");
                ensure!(took < STATEMENT / 2, "{path} took {took:?}");
                Ok(Some(()))
            })
            .await?;
        }
        engines.start_again(Engine::Clickhouse).await
    };
    tokio::try_join!(flow(&app.shortener, link), killing)?;
    exactly(&app.sandbox, BATCHES * BATCH).await?;
    let window = "from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
    let stats: LinkStats = app.read(owner, &format!("/v1/links/away/stats?{window}")).await?;
    assert_eq!((stats.totals.clicks, stats.totals.unique_visitors), (BATCHES * BATCH, BATCHES * BATCH));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clicks_are_exact_after_the_broker_was_killed_and_statistics_go_on_meanwhile() -> Result<()> {
    let engines = Private::start(&[Engine::Rabbitmq]).await?;
    let app = TestApp::within(Sandbox::on(&engines).await?).await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "broker").await?;
    let killing = async {
        eventually(PATIENCE, "some clicks to be counted", async || {
            let (rows, _) = crate::support::counted(&app.sandbox).await?;
            Ok((rows >= BATCHES * BATCH / 5).then_some(()))
        })
        .await?;
        engines.kill9(Engine::Rabbitmq).await?;
        let batch = json!({"codes": ["broker"], "window": {}, "facets": [{"kind": "totals"}]});
        let answer = app.send(owner, Method::POST, "/v1/stats/batch", Some(batch)).await?;
        assert_eq!(answer.status(), StatusCode::OK);
        let before: StatsBatch = serde_json::from_str(&answer.text().await?)?;
        assert_eq!(before.links.len(), 1);
        engines.start_again(Engine::Rabbitmq).await
    };
    tokio::try_join!(flow(&app.shortener, link), killing)?;
    exactly(&app.sandbox, BATCHES * BATCH).await
}
