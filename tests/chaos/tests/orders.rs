//! `kill -9` of each process and engine in turn, under a rush of orders of which some are called off, while the payment
//! provider misbehaves: no answered order is lost, doubled or stuck, stock and money add up.
//!
//! `CHAOS_SEED` chooses the orders and the victims (1). `CHAOS=long` places 2,000 orders at 50 a second; without it,
//! the run is short enough for every change. Either kills as long as orders come, and each victim at least once.

use anyhow::{Context as _, ensure};
use chaos::{
    books,
    money::{self, Ledger},
    purchase::{CallingOff, Placed},
    rush::Rush,
    shop::{Opening, Shop},
    victim::Victim,
};
use contracts::rest::orders::Order;
use harness::Issuer;
use kit::{Engine, Sandbox, Stack, engines::Private, eventually};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

const UNITS: [&str; 4] = ["providers", "inventory", "payments", "orders"];
/// How long everything may take to come to rest: longer than a step's timeout and the second level of retries.
const REST: Duration = Duration::from_secs(240);
/// How many orders are answered between a recovery and the next kill.
const STEADY: u64 = 15;
const LIMIT: Duration = Duration::from_secs(90);

/// How much is done to whom.
struct Plan {
    seed: u64,
    orders: u64,
    per_second: u32,
}

impl Plan {
    fn chosen() -> Self {
        let seed = std::env::var("CHAOS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        let long = std::env::var("CHAOS").is_ok_and(|length| length == "long");
        let (orders, per_second) = if long { (2_000, 50) } else { (240, 20) };
        Self { seed, orders, per_second }
    }

    /// Every victim, in an order that the seed decides on.
    fn victims(&self) -> Vec<Victim> {
        let engines = [Engine::Postgres, Engine::Rabbitmq].map(Victim::Engine);
        let mut victims: Vec<Victim> = UNITS.into_iter().map(Victim::Unit).chain(engines).collect();
        victims.shuffle(&mut StdRng::seed_from_u64(self.seed));
        victims
    }
}

/// Everything that runs.
struct Scene {
    stack: Stack,
    engines: Private,
    issuer: Issuer,
    sandbox: Sandbox,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let engines = Private::start(&[Engine::Rabbitmq, Engine::Postgres]).await?;
        let sandbox = Sandbox::on(&engines).await?;
        let issuer = Issuer::start().await?;
        let builder = UNITS.into_iter().fold(Stack::builder(&sandbox), |builder, unit| {
            builder.env(unit, &format!("{}_JWT__JWKS_URL", unit.to_uppercase()), issuer.jwks_url())
        });
        let stack = builder.start(&UNITS).await?;
        Ok(Self { stack, engines, issuer, sandbox })
    }

    fn provider_secret(&self) -> anyhow::Result<&str> {
        let environment = self.stack.environment("providers")?;
        Ok(environment.get("PROVIDERS_SECRET").context("the provider has no secret")?)
    }

    fn operator(&self) -> String {
        self.issuer.token(Uuid::now_v7(), &["user", "operator"])
    }

    async fn misbehave(&self, seed: u64) -> anyhow::Result<()> {
        let fault = |kind: &str, probability: f64| json!({"kind": kind, "probability": probability});
        let faults = json!({"seed": seed, "faults": [
            {"kind": "latency", "probability": 0.2, "milliseconds": 300}, fault("error_5xx", 0.1),
            fault("hang", 0.02), fault("answer_lost", 0.1), fault("duplicate_webhook", 0.3),
        ]});
        let url = format!("{}/payments/v1/faults", self.stack.url("providers"));
        let request = chassis::client::new().put(url).bearer_auth(self.provider_secret()?);
        request.json(&faults).send().await?.error_for_status()?;
        Ok(())
    }

    async fn behave(&self) -> anyhow::Result<()> {
        let url = format!("{}/payments/v1/faults", self.stack.url("providers"));
        let request = chassis::client::new().delete(url).bearer_auth(self.provider_secret()?);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// Kills a victim, lets the rush go on without it for a moment, and revives it.
    async fn strike(&self, victim: Victim, seed: u64) -> anyhow::Result<()> {
        if let Victim::Unit(unit) = victim {
            self.stack.pid(unit).context("it had ended by itself")?;
        }
        victim.kill(&self.stack, &self.engines).await?;
        victim.revive(&self.stack, &self.engines).await?;
        if victim == Victim::Unit("providers") {
            // What was switched on went with the process.
            self.misbehave(seed).await?;
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_order_is_lost_doubled_or_stuck_whatever_is_killed() -> anyhow::Result<()> {
    let (plan, scene) = (Plan::chosen(), Scene::set().await?);
    let shop = Arc::new(Shop::open(&scene.stack, &scene.issuer, Opening::ADVERSE).await?);
    scene.misbehave(plan.seed).await?;
    let rush = Rush::start(Arc::clone(&shop), plan.orders, plan.per_second, plan.seed);
    let struck = strike_all(&scene, &plan, &rush).await?;
    ensure!(plan.victims().iter().all(|victim| struck.contains(victim)), "somebody was spared: {struck:?}");
    let placed = rush.end().await;
    scene.behave().await?;
    ensure!(placed.len() as u64 == plan.orders, "{} orders were answered", placed.len());

    let orders = at_rest(&scene, &shop, &placed).await?;
    books::nothing_was_given_up(&scene.stack, &scene.operator()).await?;
    books::wishes_are_heeded(&orders, &placed)?;
    books::histories_are_whole(&scene.sandbox).await?;
    let ledger = Ledger::read(&scene.stack, scene.provider_secret()?).await?;
    ledger.is_conserved(&orders)?;
    ledger.agrees(&scene.sandbox).await?;
    something_happened(&orders, &placed)
}

/// Strikes one victim after the other as long as the rush lasts, and each of them at least once; tells whom.
async fn strike_all(scene: &Scene, plan: &Plan, rush: &Rush) -> anyhow::Result<Vec<Victim>> {
    let (victims, mut struck) = (plan.victims(), Vec::new());
    for victim in victims.iter().cycle() {
        if rush.is_over() && struck.len() >= victims.len() {
            break;
        }
        answered(rush, STEADY).await?;
        scene.strike(*victim, plan.seed).await.with_context(|| format!("victim: {victim:?}"))?;
        struck.push(*victim);
    }
    Ok(struck)
}

/// Waits until nothing is under way any more, wherever it is written down, and stock adds up.
async fn at_rest(scene: &Scene, shop: &Shop, placed: &[Placed]) -> anyhow::Result<Vec<Order>> {
    eventually(REST, "all orders to come to rest", async || {
        let orders = books::at_rest(shop, placed).await?;
        books::nothing_waits(&scene.sandbox).await?;
        books::sagas_have_ended(&scene.sandbox).await?;
        books::stock_adds_up(&scene.sandbox, &orders).await?;
        money::is_settled(&scene.sandbox).await?;
        Ok(Some(orders))
    })
    .await
}

/// Books that add up prove little when nobody was refused anything or thought better of it.
fn something_happened(orders: &[Order], placed: &[Placed]) -> anyhow::Result<()> {
    let outcomes = books::outcomes(orders);
    let has_all = ["confirmed", "rejected", "cancelled"].iter().all(|status| outcomes.contains_key(status));
    let is_called_off = placed.iter().any(|placed| placed.calling_off == CallingOff::Promised);
    ensure!(has_all && is_called_off, "too calm: {outcomes:?}");
    Ok(())
}

/// Waits until so many more orders are answered, or all are.
async fn answered(rush: &Rush, more: u64) -> anyhow::Result<()> {
    let goal = rush.answered() + more;
    let enough = async || Ok((rush.answered() >= goal || rush.is_over()).then_some(()));
    eventually(LIMIT, "orders to be answered", enough).await
}
