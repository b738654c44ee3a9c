//! Sends what is hostile, and judges what comes back.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use e2e_tests::{Client, Platform};
use reqwest::RequestBuilder;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::HELD;

/// How long an answer may take, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// What no input causes.
const OURS: [&str; 5] = ["internal", "bad_upstream", "unavailable", "timeout", "overloaded"];

/// Sends a request; an answer that no input may cause is an error. What a client library cannot send was never sent.
pub(super) async fn send(request: RequestBuilder) -> Result<()> {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_builder() => return Ok(()),
        Err(error) => return Err(error).context("no answer"),
    };
    let status = response.status().as_u16();
    let media = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.to_owned();
    // A live stream has no end.
    let body = if media.starts_with("text/event-stream") { Vec::new() } else { response.bytes().await?.to_vec() };
    judge(status, &media, &body)
}

fn judge(status: u16, media: &str, body: &[u8]) -> Result<()> {
    let text = || String::from_utf8_lossy(body).chars().take(500).collect::<String>();
    ensure!(status < 500, "{status}: {}", text());
    if media.starts_with("application/graphql-response+json") || media.starts_with("application/json") {
        let answer: Value =
            serde_json::from_slice(body).with_context(|| format!("{status} with no JSON: {}", text()))?;
        for error in answer["errors"].as_array().into_iter().flatten() {
            let code = error["extensions"]["code"].as_str().unwrap_or_default();
            ensure!(!OURS.contains(&code), "{status}: {error}");
        }
        ensure!(status < 400 || answer["errors"].is_array(), "{status} without a problem: {}", text());
        return Ok(());
    }
    ensure!(status < 400 || media == contracts::problem::MEDIA_TYPE, "{status} as {media:?}: {}", text());
    Ok(())
}

/// Sends bytes as they are, and judges the status of the answer. A connection that is closed without one is an answer,
/// too, to what is no HTTP.
pub(super) async fn send_raw(base: &str, request: &[u8]) -> Result<()> {
    let address = base.strip_prefix("http://").context("an address")?;
    let mut answer = Vec::new();
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        // What is refused early closes while we write.
        let _ = stream.write_all(request).await;
        let mut piece = [0; 4_096];
        while answer.len() < 4_096 {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(read) => answer.extend_from_slice(&piece[..read]),
            }
            if answer.windows(4).any(|end| end == b"\r\n\r\n") {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    tokio::time::timeout(PATIENCE, exchange).await.context("no answer in time")??;
    let Some(status) = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)) else { return Ok(()) };
    let status = std::str::from_utf8(status)?;
    ensure!(!status.starts_with('5'), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// Resets the breaker that operators may have held.
pub(super) async fn let_go(platform: &Platform, operator: &Client) -> Result<()> {
    let reason = serde_json::json!({ "reason": "the next operation is tried" });
    let path = format!("/breakers/{HELD}/reset");
    platform.operators(operator).post(&path, &reason).await?.success()?;
    Ok(())
}

/// Fails unless every breaker of the gateway is closed and has counted no failure.
pub(super) async fn breakers_are_untouched(platform: &Platform, operator: &Client) -> Result<()> {
    let all = platform.operators(operator).get("/breakers").await?.success()?;
    let mut seen = 0;
    let mut moved = Vec::new();
    visit(&all, &mut |breaker| {
        seen += 1;
        let is_untouched = breaker["failures"] == 0 && breaker.get("state").is_none_or(|state| state == "closed");
        if !is_untouched {
            moved.push(breaker.to_string());
        }
    });
    ensure!(seen > 0, "no breakers: {all}");
    if !moved.is_empty() {
        bail!("input moved breakers: {}", moved.join("\n"));
    }
    Ok(())
}

/// Visits whatever counts failures, wherever it stands.
fn visit(value: &Value, found: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            if fields.contains_key("failures") {
                found(value);
            }
            fields.values().for_each(|inside| visit(inside, found));
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, found)),
        _ => {}
    }
}
