//! One trace, and one request id, from the gateway through the outbox and the broker to analytics.

use anyhow::{Result, ensure};
use e2e_tests::Platform;
use kit::eventually;
use serde_json::json;

use crate::PATIENCE;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const REQUEST: &str = "merchants-request-17";

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_through_every_unit() -> Result<()> {
    let platform = Platform::start().await?;
    let ana = platform.user("Ana").await?;
    let traced =
        ana.client.with("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01")).with("x-request-id", REQUEST);
    let query = "mutation { createLink(input: { url: \"https://shop.example\" }) { code } }";
    let answer = traced.ask(query, json!({})).await?;
    answer.data()?;
    assert_eq!(answer.header("x-request-id"), REQUEST);

    for (unit, means) in [
        ("gateway", "by its own address"),
        ("shortener", "by a call over HTTP"),
        ("analytics", "by an event, through outbox and broker"),
    ] {
        eventually(PATIENCE, &format!("the trace in {unit}'s log, {means}"), async || {
            let log = platform.stack.logs(unit)?;
            let lines = log.lines().filter(|line| line.contains(TRACE) && line.contains(REQUEST));
            ensure!(lines.count() > 0, "trace: {}, request: {}", log.contains(TRACE), log.contains(REQUEST));
            Ok(Some(()))
        })
        .await?;
    }
    Ok(())
}
