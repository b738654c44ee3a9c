//! Clicks as files.

use crate::support::{BOT, TestApp, at, click, exactly, problem};
use anyhow::Result;
use contracts::{event::shortener::Click, rest::analytics::ClickRow};
use reqwest::StatusCode;
use uuid::Uuid;

const WINDOW: &str = "from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z";

#[tokio::test]
async fn every_format_holds_every_click_in_order_and_no_visitor() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "export").await?;
    let evil = "=hyperlink(\"http://evil.example\")";
    let clicks = vec![
        Click { referrer: Some(evil.into()), ..click(link, at("2026-03-02T00:00:00.5Z"), 0xbeef) },
        click(link, at("2026-03-01T00:00:00Z"), 0xbeef),
        Click { user_agent: Some(BOT.into()), ..click(link, at("2026-03-03T00:00:00Z"), 0xbeef) },
        click(link, at("2026-04-01T00:00:00Z"), 0xbeef),
    ];
    app.shortener.click(Uuid::now_v7(), 1, clicks).await?;
    exactly(&app.sandbox, 4).await?;
    let path = format!("/v1/links/export/clicks/export?{WINDOW}");

    let answer = app.get(owner, &path).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/csv; charset=utf-8");
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=\"clicks-export.csv\"");
    assert_eq!(
        answer.text().await?,
        "code,clicked_at,referrer,country,browser,operating_system,device,language,bot\r\n\
         export,2026-03-01T00:00:00.000Z,direct,BR,Chrome,Windows,desktop,pt,false\r\n\
         export,2026-03-02T00:00:00.500Z,\"'=hyperlink(\"\"http://evil.example\"\")\",BR,Chrome,Windows,desktop,pt,false\r\n"
    );

    let rows: Vec<ClickRow> = app.read(owner, &format!("{path}&format=json&include_bots=true")).await?;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1].referrer, evil, "JSON needs no apostrophe");
    assert!(rows[2].bot);
    let lines = app.get(owner, &format!("{path}&format=ndjson")).await?.text().await?;
    let lines: Vec<ClickRow> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines, rows[..2]);
    assert!(!serde_json::to_string(&rows)?.contains("beef"), "no visitor is told");

    let nothing = "from=2025-03-01T00:00:00Z&to=2025-04-01T00:00:00Z";
    for (format, expected) in [("json", "[]"), ("ndjson", "")] {
        let path = format!("/v1/links/export/clicks/export?{nothing}&format={format}");
        assert_eq!(app.get(owner, &path).await?.text().await?, expected);
    }
    Ok(())
}

#[tokio::test]
async fn an_export_of_many_chunks_is_whole() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let link = app.link(owner, "many").await?;
    let spool = Uuid::now_v7();
    for first in (0..5_000_u64).step_by(1_000) {
        let clicks = (first..first + 1_000).map(|n| click(link, at("2026-03-02T00:00:00Z"), n.into()));
        app.shortener.click(spool, first + 1, clicks.collect()).await?;
    }
    exactly(&app.sandbox, 5_000).await?;
    let path = format!("/v1/links/many/clicks/export?{WINDOW}&format=json");
    let rows: Vec<ClickRow> = app.read(owner, &path).await?;
    assert_eq!(rows.len(), 5_000);
    Ok(())
}

#[tokio::test]
async fn strangers_get_nothing_and_nonsense_is_named() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    app.link(owner, "mine").await?;
    let path = format!("/v1/links/mine/clicks/export?{WINDOW}");
    assert_eq!(app.get(Uuid::now_v7(), &path).await?.status(), StatusCode::NOT_FOUND);
    for (query, field) in
        [("format=xlsx", "format"), ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"), ("to=never", "to")]
    {
        let answer = app.get(owner, &format!("/v1/links/mine/clicks/export?{query}")).await?;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(problem(answer).await?.errors[0].field, field);
    }
    Ok(())
}
