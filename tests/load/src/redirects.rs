//! Redirects with the click path on, beside a bare axum server that answers 302.

use crate::{
    generator::{Round, round},
    report::{figure, median, title},
};
use anyhow::Context as _;
use harness::Issuer;
use kit::{Engine, Sandbox, Stack, eventually};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};
use uuid::Uuid;

/// How many links are clicked in turn.
const LINKS: usize = 1_000;
/// Connections that ask at once.
const CONNECTIONS: usize = 64;
/// The length of one round. Rounds of both servers take turns, so that both meet the same machine.
const ROUND: Duration = Duration::from_secs(5);
/// Rounds of each server that count; one more goes before, to warm up.
const ROUNDS: usize = 3;

pub(crate) async fn run() -> anyhow::Result<()> {
    title("Redirects with the click path on, beside a bare axum server (302)");
    let sandbox = Sandbox::only(&[Engine::Mongo, Engine::Redis, Engine::Rabbitmq]).await?;
    let issuer = Issuer::start().await?;
    let stack = Stack::builder(&sandbox)
        .env("shortener", "SHORTENER_JWT__JWKS_URL", issuer.jwks_url())
        .start(&["shortener"])
        .await?;
    let token = issuer.token(Uuid::now_v7(), &["user"]);
    let links = Links { url: stack.url("shortener"), token, client: chassis::client::new() };
    let paths = links.create().await?;
    let baseline = Baseline::start().await?;
    let shortener = address(&links.url)?;
    let (mut ours, mut bare) = (Vec::<Round>::new(), Vec::new());
    for _ in 0..=ROUNDS {
        bare.push(round(baseline.address, &paths, CONNECTIONS, ROUND).await?);
        ours.push(round(shortener, &paths, CONNECTIONS, ROUND).await?);
        // What is still on its way must not slow the other down.
        links.counted(ours.iter().map(|round| round.answered).sum()).await?;
    }
    tell("bare axum", &bare[1..]);
    tell("shortener", &ours[1..]);
    let ratios: Vec<f64> = ours[1..].iter().zip(&bare[1..]).map(|(ours, bare)| ours.rate / bare.rate).collect();
    figure("shortener / bare axum, throughput (aim: at least 0.60)", format!("{:.2}", median(&ratios)));
    figure("redirects answered = clicks counted", ours.iter().map(|round| round.answered).sum::<u64>());
    Ok(())
}

fn tell(name: &str, rounds: &[Round]) {
    let rates: Vec<f64> = rounds.iter().map(|round| round.rate).collect();
    figure(&format!("{name}: redirects/s"), format!("{:.0}", median(&rates)));
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
        let values: Vec<f64> = rounds.iter().map(|round| round.latencies.value_at_quantile(quantile) as f64).collect();
        figure(&format!("{name}: {label}"), format!("{:.2} ms", median(&values) / 1000.0));
    }
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    Ok(url.trim_start_matches("http://").parse()?)
}

/// The links of the bench, at shortener.
struct Links {
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Links {
    /// Makes the links and tells their paths.
    async fn create(&self) -> anyhow::Result<Arc<[String]>> {
        let links: Vec<Value> = (0..LINKS).map(|n| json!({"url": format!("https://example.com/target/{n}")})).collect();
        let answer = self.client.post(format!("{}/v1/links/bulk", self.url));
        let answer = answer.bearer_auth(&self.token).json(&json!({"links": links})).send().await?;
        let results: Value = answer.error_for_status()?.json().await?;
        let results = results["results"].as_array().context("the answer holds no results")?;
        let path = |result: &Value| Some(format!("/{}", result["link"]["code"].as_str()?));
        results.iter().map(path).collect::<Option<_>>().context("a link was not made")
    }

    /// Waits until exactly `answered` clicks are counted on the links.
    async fn counted(&self, answered: u64) -> anyhow::Result<()> {
        eventually(Duration::from_secs(120), "all clicks to be counted", async || {
            let sum = self.sum().await?;
            anyhow::ensure!(sum <= answered, "{sum} clicks counted, but only {answered} answered");
            Ok((sum == answered).then_some(()))
        })
        .await
    }

    async fn sum(&self) -> anyhow::Result<u64> {
        let (mut sum, mut after) = (0, String::new());
        loop {
            let mut query = vec![("first", "100")];
            if !after.is_empty() {
                query.push(("after", &after));
            }
            let request = self.client.get(format!("{}/v1/links", self.url)).query(&query);
            let page: Value = request.bearer_auth(&self.token).send().await?.error_for_status()?.json().await?;
            let items = page["items"].as_array().context("a page without items")?;
            sum += items.iter().filter_map(|item| item["link"]["click_count"].as_u64()).sum::<u64>();
            if page["has_next_page"] != true {
                return Ok(sum);
            }
            let last = items.last().and_then(|item| item["cursor"].as_str());
            after = last.context("a page without a cursor")?.to_owned();
        }
    }
}

/// The bare server, as a process of its own like the shortener; killed when dropped.
struct Baseline {
    address: SocketAddr,
    process: Child,
}

impl Baseline {
    async fn start() -> anyhow::Result<Self> {
        let free = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = free.local_addr()?;
        drop(free);
        let mut command = Command::new(std::env::current_exe()?);
        let process = command.args(["--baseline", &address.to_string()]).spawn()?;
        let baseline = Self { address, process };
        eventually(Duration::from_secs(10), "the baseline to listen", async || {
            Ok(tokio::net::TcpStream::connect(address).await.ok())
        })
        .await?;
        Ok(baseline)
    }
}

impl Drop for Baseline {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
