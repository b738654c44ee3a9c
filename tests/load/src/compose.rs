//! One GraphQL query over links and their statistics: how many upstream calls, and how long.

use crate::report::{figure, median, title};
use anyhow::Context as _;
use kit::{Sandbox, Stack};
use serde_json::{Value, json};
use std::time::Instant;

const QUERY: &str = "{ links(first: 20) { edges { node { code url stats {
    clicks uniqueVisitors series { at clicks } topReferrers { name count } browsers { name count }
} } } } }";
const RUNS: usize = 50;

pub(crate) async fn run() -> anyhow::Result<()> {
    title("links(first: 20) { stats { … } }: one call per service");
    let sandbox = Sandbox::new().await?;
    let stack = Stack::start(&sandbox, &["auth", "shortener", "analytics", "gateway"]).await?;
    let graphql = GraphQl { url: format!("{}/graphql", stack.url("gateway")), client: chassis::client::new() };
    let token = graphql.register().await?;
    graphql.create_links(&token).await?;
    graphql.ask(&token, QUERY, Value::Null).await?;
    let before = [calls(&stack, "shortener").await?, calls(&stack, "analytics").await?];
    let mut took = Vec::new();
    for _ in 0..RUNS {
        let began = Instant::now();
        graphql.ask(&token, QUERY, Value::Null).await?;
        took.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let after = [calls(&stack, "shortener").await?, calls(&stack, "analytics").await?];
    for (unit, (before, after)) in ["shortener", "analytics"].iter().zip(before.iter().zip(after)) {
        let per_query = (after - before) / RUNS as f64;
        figure(&format!("calls of {unit} per query (aim: 1)"), format!("{per_query:.2}"));
    }
    figure("p50", format!("{:.1} ms", median(&took)));
    Ok(())
}

struct GraphQl {
    url: String,
    client: reqwest::Client,
}

impl GraphQl {
    async fn register(&self) -> anyhow::Result<String> {
        let input = json!({"input": {
            "email": "bench@example.com", "password": "a long enough passphrase", "fullName": "Bench"
        }});
        let query = "mutation ($input: RegisterInput!) { register(input: $input) { accessToken } }";
        let data = self.ask("", query, input).await?;
        Ok(data["register"]["accessToken"].as_str().context("no token")?.to_owned())
    }

    async fn create_links(&self, token: &str) -> anyhow::Result<()> {
        let inputs: Vec<Value> = (0..20).map(|n| json!({"url": format!("https://example.com/{n}")})).collect();
        let query = "mutation ($inputs: [CreateLinkInput!]!) { createLinks(inputs: $inputs) { link { code } } }";
        self.ask(token, query, json!({"inputs": inputs})).await.map(drop)
    }

    /// Asks, and fails when the answer holds errors.
    async fn ask(&self, token: &str, query: &str, variables: Value) -> anyhow::Result<Value> {
        let request = self.client.post(&self.url).json(&json!({"query": query, "variables": variables}));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let mut answer: Value = request.send().await?.json().await?;
        anyhow::ensure!(answer.get("errors").is_none(), "{answer}");
        Ok(answer["data"].take())
    }
}

/// How many requests under `/v1/` a unit has answered so far.
async fn calls(stack: &Stack, unit: &str) -> anyhow::Result<f64> {
    let metrics = chassis::client::new().get(format!("{}/metrics", stack.url(unit))).send().await?;
    let text = metrics.text().await?;
    let counts = text
        .lines()
        .filter(|line| line.starts_with("http_request_duration_seconds_count") && line.contains("route=\"/v1/"));
    Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
