//! Every fault there is, one after the other, under clients of every kind: what they see is written to `docs/FAULTS.md`,
//! and the books are compared after each.
//!
//! `cargo dev test faults` runs it. `FAULTS_FILE` says where the table goes, `FAULTS` which faults: those whose names
//! contain it.

mod fault;
mod table;

use anyhow::{Context as _, ensure};
use chaos::{
    books,
    cables::Cables,
    ledger::Ledger,
    money,
    probes::{Probe, Probes, Tallies, World},
    shop::Shop,
};
use fault::Fault;
use harness::Issuer;
use kit::{Disk, Engine, Sandbox, Stack, engines::Private, eventually, paths};
use std::{path::PathBuf, sync::Arc, time::Duration};
use table::{Outcome, Row};
use tokio::time::Instant;

/// How many requests of each kind end while a fault lasts.
const ASKED: u64 = 8;
/// How many good answers in a row count as recovered.
const GOOD: u64 = 5;
pub(crate) const LIMIT: Duration = Duration::from_secs(120);
/// How long all faults may take together, in seconds: tokens live so long.
const LONGEST: u64 = 2 * 3_600;
/// How long everything may take to come to rest: longer than a step's timeout and the second level of retries.
const REST: Duration = Duration::from_secs(240);

/// Everything that runs.
pub(crate) struct Scene {
    pub(crate) stack: Stack,
    pub(crate) cables: Cables,
    /// The disk of shortener's spool.
    pub(crate) spool: anyhow::Result<Disk>,
    pub(crate) engines: Private,
    pub(crate) sandbox: Sandbox,
    issuer: Issuer,
}

impl Scene {
    pub(crate) const ENGINES: &'static [Engine] = Engine::ALL;
    /// Engines whose disks are filled, and how many mebibytes those have.
    const DISKS: [(Engine, u32); 2] = [(Engine::Postgres, 768), (Engine::Rabbitmq, 1_536)];
    const UNITS: [&'static str; 8] =
        ["auth", "shortener", "analytics", "providers", "inventory", "payments", "orders", "gateway"];

    async fn set() -> anyhow::Result<Self> {
        let engines = Private::on_small_disks(Self::ENGINES, &Self::DISKS).await?;
        fault::keep_little_log(&engines).await?;
        let spool = Disk::mount(&engines.folder().join("spool"), 16);
        let sandbox = Sandbox::on(&engines).await?;
        let issuer = Issuer::start().await?.lasting(LONGEST);
        let builder =
            Self::UNITS.into_iter().filter(|unit| *unit != "auth").fold(Stack::builder(&sandbox), |builder, unit| {
                builder.env(unit, &format!("{}_JWT__JWKS_URL", unit.to_uppercase()), issuer.jwks_url())
            });
        let (cables, mut builder) = Cables::lay(&engines, &Self::UNITS, builder).await?;
        if let Ok(disk) = &spool {
            let folder = disk.folder().join("clicks");
            builder = builder.env("shortener", "SHORTENER_SPOOL__DIRECTORY", folder.display().to_string());
        }
        let stack = builder.start(&Self::UNITS).await?;
        Ok(Self { stack, cables, spool, engines, sandbox, issuer })
    }
}

/// Takes about half an hour.
mod long {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn every_fault_and_what_clients_see() -> anyhow::Result<()> {
        let scene = Scene::set().await?;
        let (world, shop) = World::open(&scene.stack, &scene.sandbox, &scene.issuer).await?;
        let world = Arc::new(world);
        let wanted = std::env::var("FAULTS").unwrap_or_default();
        let mut rows = Vec::new();
        let mut redirects = Redirects::default();
        for fault in Fault::all().into_iter().filter(|fault| fault.name().contains(&wanted)) {
            let context = || format!("the fault: {}", fault.name());
            if let Some(reason) = fault.obstacle(&scene) {
                rows.push(Row { fault: fault.name(), outcome: Outcome::NotRun(reason) });
                continue;
            }
            let (row, more) = suffer(&scene, &world, fault).await.with_context(context)?;
            redirects = redirects.and(&more);
            rows.push(row);
            books_agree(&scene, &shop, &world, redirects).await.with_context(context)?;
        }
        if let Some(file) = std::env::var_os("FAULTS_FILE") {
            table::write(&paths::workspace().join(PathBuf::from(file)), &rows)?;
        }
        Ok(())
    }
}

/// Redirects, as far as they must or may be clicks.
#[derive(Debug, Clone, Copy, Default)]
struct Redirects {
    answered: u64,
    /// Sent, and never answered: each may be a click or none.
    unknown: u64,
}

impl Redirects {
    fn of(tallies: &Tallies) -> Self {
        let Some(tally) = tallies.get(&Probe::Redirect) else { return Self::default() };
        let unknown = ["no answer", "broken off", "timeout"].iter().filter_map(|word| tally.others.get(*word)).sum();
        Self { answered: tally.good, unknown }
    }

    const fn and(self, other: &Self) -> Self {
        Self { answered: self.answered + other.answered, unknown: self.unknown + other.unknown }
    }
}

/// Lets a fault last until every kind of client has asked for a while; tells what they saw, and what became of all
/// redirects.
async fn suffer(scene: &Scene, world: &Arc<World>, fault: Fault) -> anyhow::Result<(Row, Redirects)> {
    let probes = Probes::start(world);
    let well = async |what| {
        eventually(LIMIT, what, async || {
            let suffering = probes.suffering(GOOD);
            ensure!(suffering.is_empty(), "not served: {suffering:?}");
            Ok(Some(()))
        })
        .await
    };
    well("clients to be served before the fault").await?;
    let before = Redirects::of(&probes.take());
    let held = fault.inflict(scene).await?;
    let asked = async || Ok(probes.have_asked(ASKED).then_some(()));
    eventually(LIMIT, "clients to ask while it lasts", asked).await?;
    let seen = probes.take();
    fault.lift(scene, held).await?;
    let began = Instant::now();
    well("clients to be served after the fault").await?;
    let recovered = began.elapsed();
    let after = Redirects::of(&probes.stop().await);
    let redirects = before.and(&Redirects::of(&seen)).and(&after);
    Ok((Row { fault: fault.name(), outcome: Outcome::Run { seen, recovered } }, redirects))
}

/// Compares the books: no answered redirect is lost, and orders, stock and money agree once they have come to rest.
async fn books_agree(scene: &Scene, shop: &Shop, world: &World, redirects: Redirects) -> anyhow::Result<()> {
    eventually(REST, "clicks to be counted", async || {
        let mut clicks = 0;
        for person in &world.people {
            clicks += Ledger::of(&scene.stack, &person.buyer.token)
                .clicks_at_analytics(std::slice::from_ref(&person.code))
                .await?
                .0;
        }
        let Redirects { answered, unknown } = redirects;
        let is_right = (answered..=answered + unknown).contains(&clicks);
        ensure!(is_right, "{clicks} clicks of {answered} answered redirects, and {unknown} without an answer");
        Ok(Some(()))
    })
    .await?;
    let orders = eventually(REST, "orders to come to rest", async || {
        books::nothing_waits(&scene.sandbox).await?;
        books::sagas_have_ended(&scene.sandbox).await?;
        let orders = shop.placed().await?;
        books::stock_adds_up(&scene.sandbox, &orders).await?;
        money::is_settled(&scene.sandbox).await?;
        Ok(Some(orders))
    })
    .await?;
    let environment = scene.stack.environment("providers")?;
    let secret = environment.get("PROVIDERS_SECRET").context("the provider has no secret")?;
    money::Ledger::read(&scene.stack, secret).await?.is_conserved(&orders)
}
