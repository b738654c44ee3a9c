//! Clicks as they happen.

use crate::support::{BOT, TestApp, at, click};
use anyhow::{Context as _, Result};
use contracts::{event::shortener::Click, rest::analytics::ClickRow};
use futures::{Stream, StreamExt};
use harness::PATIENCE;
use reqwest::StatusCode;
use std::pin::Pin;
use uuid::Uuid;

/// The events of a stream, one text each.
struct Events {
    bytes: Pin<Box<dyn Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    read: String,
}

impl Events {
    async fn next(&mut self) -> Result<String> {
        loop {
            if let Some((event, rest)) = self.read.split_once("\n\n") {
                let event = event.to_owned();
                self.read = rest.to_owned();
                return Ok(event);
            }
            let more = tokio::time::timeout(PATIENCE, self.bytes.next()).await?;
            self.read.push_str(std::str::from_utf8(&more.context("the stream ended")??)?);
        }
    }

    async fn click(&mut self) -> Result<ClickRow> {
        let event = self.next().await?;
        let data = event.strip_prefix("event: click\ndata: ").with_context(|| event.clone())?;
        Ok(serde_json::from_str(data)?)
    }
}

async fn listen(app: &TestApp, user: Uuid, path: &str) -> Result<Events> {
    let answer = app.get(user, path).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut events = Events { bytes: Box::pin(answer.bytes_stream()), read: String::new() };
    assert_eq!(events.next().await?, ": listening");
    Ok(events)
}

#[tokio::test]
async fn whoever_owns_the_link_sees_its_clicks_once_as_they_happen() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    let (link, other) = (app.link(owner, "live").await?, app.link(owner, "other").await?);
    let (spool, now) = (Uuid::now_v7(), at("2026-11-20T12:00:00Z"));
    app.shortener.click(spool, 1, vec![click(link, now, 1)]).await?;

    let mut people = listen(&app, owner, "/v1/links/live/clicks/live").await?;
    let mut all = listen(&app, owner, "/v1/links/live/clicks/live?include_bots=true").await?;
    let bot = Click { user_agent: Some(BOT.into()), ..click(link, now, 2) };
    let fresh = Click { country: Some("PT".into()), ..click(link, now, 3) };
    let batch = vec![click(other, now, 9), bot, fresh];
    app.shortener.click(spool, 2, batch.clone()).await?;
    app.shortener.click(spool, 2, batch).await?;
    app.shortener.click(spool, 5, vec![Click { country: Some("AO".into()), ..click(link, now, 3) }]).await?;

    let first = people.click().await?;
    assert_eq!((&*first.code, &*first.country, &*first.browser, first.bot), ("live", "PT", "Chrome", false));
    assert_eq!(first.clicked_at, now);
    assert_eq!(people.click().await?.country, "AO", "the repeated batch is not told again");
    assert!(all.click().await?.bot);
    assert_eq!(all.click().await?.country, "PT");
    Ok(())
}

#[tokio::test]
async fn strangers_hear_nothing_and_a_unit_that_ends_lets_go() -> Result<()> {
    let app = TestApp::start().await?;
    let owner = Uuid::now_v7();
    app.link(owner, "live").await?;
    let path = "/v1/links/live/clicks/live";
    assert_eq!(app.get(Uuid::now_v7(), path).await?.status(), StatusCode::NOT_FOUND);
    let answer = app.get(owner, &format!("{path}?include_bots=perhaps")).await?;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let mut events = listen(&app, owner, path).await?;
    let (ended, stopped) = tokio::join!(events.next(), app.stack.stop("analytics"));
    stopped?;
    assert!(ended.is_err(), "the stream ends with the unit");
    Ok(())
}
