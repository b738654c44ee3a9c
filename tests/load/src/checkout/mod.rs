//! Orders, from placed to confirmed: how many a second, and how long one takes.

mod baseline;
mod costs;
mod news;

use crate::report::{figure, title};
use anyhow::Context as _;
use chaos::shop::{Opening, Shop};
use contracts::rest::orders::Order;
use costs::Costs;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::Issuer;
use hdrhistogram::Histogram;
use kit::{Engine, Sandbox, Stack, engines::Private};
use news::News;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval, timeout};

const UNITS: [&str; 4] = ["providers", "inventory", "payments", "orders"];
/// Products and buyers: enough that orders seldom wait for each other's.
const PRODUCTS: usize = 64;
const BUYERS: usize = 16;
/// Orders before anything is measured.
const WARM_UP: u64 = 300;
/// The steady load.
const PER_SECOND: u32 = 20;
const STEADY: u64 = 400;
/// The full load: so many buyers at once, each ordering again as soon as the order before is confirmed.
const AT_ONCE: usize = 256;
const FULL: u64 = 6_000;
/// How long one order may take before the bench fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run() -> anyhow::Result<()> {
    title("Orders, from placed to confirmed, on engines that wait for the disk");
    let engines = Private::durable(&[Engine::Postgres, Engine::Rabbitmq]).await?;
    let sandbox = Sandbox::on(&engines).await?;
    let commits = baseline::commits(&sandbox).await?;
    figure("pgbench, 8 clients: commits/s of one small row", format!("{commits:.0}"));
    let publishes = baseline::publishes(&Sandbox::on(&engines).await?).await?;
    figure("RabbitMQ, one quorum queue: confirmed publishes/s", format!("{publishes:.0}"));

    let market = Market::open(&sandbox).await?;
    market.full(0..WARM_UP).await?;
    let calm = market.steady(WARM_UP..WARM_UP + STEADY).await?;
    tell(&format!("at {PER_SECOND}/s"), &calm, "(aim: p50 under 100 ms)")?;
    let before = Costs::so_far(&sandbox, &market.stack, &UNITS).await?;
    let (began, first) = (Instant::now(), WARM_UP + STEADY);
    let rush = market.full(first..first + FULL).await?;
    let rate = FULL as f64 / began.elapsed().as_secs_f64();
    figure("at saturation: orders/s confirmed (aim: at least 300)", format!("{rate:.0}"));
    tell("at saturation", &rush, "")?;
    Costs::so_far(&sandbox, &market.stack, &UNITS).await?.since(&before).tell(FULL, rate, commits, publishes);
    Ok(())
}

fn tell(load: &str, times: &[Duration], aim: &str) -> anyhow::Result<()> {
    let mut histogram = Histogram::<u64>::new(3)?;
    for time in times {
        histogram.record(u64::try_from(time.as_micros())?)?;
    }
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
        let value = histogram.value_at_quantile(quantile) as f64 / 1000.0;
        let aim = if quantile < 0.9 { aim } else { "" };
        figure(&format!("{load}: placed to confirmed, {label} {aim}"), format!("{value:.1} ms"));
    }
    Ok(())
}

/// A shop with everything that it needs, and ears for what is confirmed.
struct Market {
    stack: Stack,
    shop: Shop,
    news: Arc<News>,
    client: reqwest::Client,
    // Signs the buyers' tokens for as long as orders checks them.
    _issuer: Issuer,
}

impl Market {
    async fn open(sandbox: &Sandbox) -> anyhow::Result<Self> {
        let issuer = Issuer::start().await?;
        let builder = UNITS.into_iter().fold(Stack::builder(sandbox), |builder, unit| {
            builder.env(unit, &format!("{}_JWT__JWKS_URL", unit.to_uppercase()), issuer.jwks_url())
        });
        let stack = builder.start(&UNITS).await?;
        let opening = Opening { stock: &[1_000_000; PRODUCTS], tokens: &["tok_visa_ok"; BUYERS] };
        let shop = Shop::open(&stack, &issuer, opening).await?;
        let news = News::listen(sandbox).await?;
        Ok(Self { stack, shop, news, client: chassis::client::new(), _issuer: issuer })
    }

    /// Places these orders at a steady rate; tells how long each took to be confirmed.
    async fn steady(&self, numbers: std::ops::Range<u64>) -> anyhow::Result<Vec<Duration>> {
        let mut ticks = interval(Duration::from_secs(1) / PER_SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let placing = stream::unfold((ticks, numbers), async |(mut ticks, mut numbers)| {
            ticks.tick().await;
            Some((numbers.next()?, (ticks, numbers)))
        });
        placing.map(|number| self.buy(number)).buffer_unordered(1_000).try_collect().await
    }

    /// Places these orders as fast as they are confirmed; tells how long each took.
    async fn full(&self, numbers: std::ops::Range<u64>) -> anyhow::Result<Vec<Duration>> {
        stream::iter(numbers).map(|number| self.buy(number)).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Places one order and waits until the news of its confirmation is out.
    async fn buy(&self, number: u64) -> anyhow::Result<Duration> {
        let (buyer, body) = self.shop.basket(number, 1);
        let request = self.client.post(format!("{}/v1/orders", self.shop.orders)).bearer_auth(&buyer.token);
        let request = request.header("idempotency-key", format!("bench-{number}")).json(&body);
        let began = Instant::now();
        let order: Order = request.send().await?.error_for_status()?.json().await?;
        let confirmed = timeout(PATIENCE, self.news.of(order.id)).await.context("an order was not confirmed")?;
        Ok(confirmed.context("the news stopped")?.duration_since(began))
    }
}
