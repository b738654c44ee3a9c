//! 1,000,000 clicks from the stream into ClickHouse, beside the rate at which the broker took them.

use crate::report::{figure, title};
use contracts::{
    envelope::Event,
    event::shortener::{Click, UrlClicked},
};
use kit::{Engine, Sandbox, Stack, eventually};
use messaging::{Broker, Outgoing, topology};
use std::time::{Duration, Instant};
use uuid::Uuid;

const CLICKS: u64 = 1_000_000;
const BATCH: u64 = 1_000;
const LINKS: u64 = 1_000;

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
];

pub(crate) async fn run() -> anyhow::Result<()> {
    title("1,000,000 clicks from the stream into ClickHouse");
    let sandbox = Sandbox::only(&[Engine::Rabbitmq, Engine::Clickhouse]).await?;
    let began = Instant::now();
    publish(&sandbox).await?;
    figure("published and confirmed (one batch in flight): clicks/s", rate(began.elapsed()));
    let began = Instant::now();
    let stack = Stack::start(&sandbox, &["analytics"]).await?;
    figure("analytics ready after", format!("{} ms", began.elapsed().as_millis()));
    let client = chassis::client::new();
    eventually(Duration::from_secs(300), "all clicks to be ingested", async || {
        let count = count(&client, &sandbox).await?;
        anyhow::ensure!(count <= CLICKS, "{count} rows of {CLICKS} clicks");
        Ok((count == CLICKS).then_some(()))
    })
    .await?;
    figure("ingested, from start to the last row: clicks/s", rate(began.elapsed()));
    drop(stack);
    Ok(())
}

fn rate(took: Duration) -> String {
    format!("{:.0}", CLICKS as f64 / took.as_secs_f64())
}

async fn publish(sandbox: &Sandbox) -> anyhow::Result<()> {
    let broker = Broker::new(&sandbox.amqp("analytics").into(), "load");
    topology::declare_shared(&broker.channel().await?).await?;
    let publisher = broker.publisher();
    let (spool_id, links) = (Uuid::now_v7(), (0..LINKS).map(|_| Uuid::now_v7()).collect::<Vec<_>>());
    for first in (1..=CLICKS).step_by(BATCH as usize) {
        let clicks = (first..first + BATCH).map(|n| click(n, &links)).collect();
        let data = UrlClicked { spool_id, first_sequence: first, clicks };
        publisher.publish(Outgoing::event(Event::new(spool_id.to_string(), first, data))?).await?;
    }
    Ok(())
}

fn click(n: u64, links: &[Uuid]) -> Click {
    Click {
        url_id: links[(n % LINKS) as usize],
        clicked_at_ms: 1_795_000_000_000 + i64::try_from(n).unwrap_or_default(),
        visitor: format!("{:032x}", n / 3),
        referrer: Some("www.instagram.com".to_owned()),
        user_agent: Some(AGENTS[(n % 4) as usize].to_owned()),
        country: Some("BR".to_owned()),
        language: Some("pt".to_owned()),
    }
}

async fn count(client: &reqwest::Client, sandbox: &Sandbox) -> anyhow::Result<u64> {
    let login = sandbox.clickhouse("analytics");
    let query = [("database", login.database.as_str()), ("query", "SELECT count() FROM clicks")];
    let request = client.get(&login.url).query(&query);
    let request = request.header("X-ClickHouse-User", &login.user).header("X-ClickHouse-Key", &login.password);
    Ok(request.send().await?.error_for_status()?.text().await?.trim().parse()?)
}
