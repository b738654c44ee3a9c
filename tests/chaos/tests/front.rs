//! What visitors see through the gateway while a store is away and owners go on reading, and while every unit is
//! restarted.

use anyhow::{Context as _, ensure};
use chaos::{
    ledger::Ledger,
    owners::Owners,
    victim::Victim,
    visitors::{Books, Visitors},
};
use harness::Issuer;
use kit::{Engine, Sandbox, Stack, engines::Private, eventually};
use std::{sync::atomic::Ordering::Relaxed, time::Duration};
use uuid::Uuid;

/// Redirects a second.
const RATE: u32 = 50;
/// Reads a second of the owners together.
const READS: u32 = 8;
/// How many redirects are asked for while the store is away: 20 s of them.
const AWAY: u64 = 1_000;
const MONGO: Victim = Victim::Engine(Engine::Mongo);
const LIMIT: Duration = Duration::from_secs(90);

/// How MongoDB is taken away, and brought back.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Killed,
    Hung,
}

struct Scene {
    stack: Stack,
    engines: Private,
    ledger: Ledger,
    issuer: Issuer,
    _sandbox: Sandbox,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let engines = Private::start(&[Engine::Mongo]).await?;
        let sandbox = Sandbox::on(&engines).await?;
        let issuer = Issuer::start().await?;
        let units = ["shortener", "analytics", "gateway"];
        let builder = units.into_iter().fold(Stack::builder(&sandbox), |builder, unit| {
            builder.env(unit, &format!("{}_JWT__JWKS_URL", unit.to_uppercase()), issuer.jwks_url())
        });
        let stack = builder.start(&units).await?;
        let ledger = Ledger::of(&stack, issuer.token(Uuid::now_v7(), &["user"]));
        Ok(Self { stack, engines, ledger, issuer, _sandbox: sandbox })
    }

    async fn inflict(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => MONGO.kill(&self.stack, &self.engines).await,
            Fault::Hung => MONGO.pause(&self.stack, &self.engines),
        }
    }

    async fn lift(&self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => MONGO.revive(&self.stack, &self.engines).await,
            Fault::Hung => MONGO.resume(&self.stack, &self.engines),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_redirect_is_refused_while_mongodb_is_away_and_owners_read() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    for fault in [Fault::Killed, Fault::Hung] {
        redirects_go_on(&scene, fault).await.with_context(|| format!("MongoDB: {fault:?}"))?;
    }
    Ok(())
}

async fn redirects_go_on(scene: &Scene, fault: Fault) -> anyhow::Result<()> {
    let gateway = scene.stack.url("gateway");
    let code = eventually(LIMIT, "a link to be made", async || scene.ledger.make_link().await.map(Some)).await?;
    let visitors = Visitors::start(vec![format!("{gateway}/r/{code}")], RATE);
    // More than a breaker takes for their own bad luck: the owners' class opens.
    let tokens = (0..8).map(|_| scene.issuer.token(Uuid::now_v7(), &["user"])).collect();
    let owners = Owners::start(format!("{gateway}/api/shortener/v1/links"), tokens, READS);
    asked(visitors.books(), u64::from(RATE)).await?;
    scene.inflict(fault).await?;
    asked(visitors.books(), AWAY).await?;
    scene.lift(fault).await?;
    asked(visitors.books(), u64::from(RATE) * 5).await?;
    let (refused_reads, reads) = (owners.refused(), owners.stop().await);
    let books = visitors.stop().await;
    ensure!(refused_reads > 0, "MongoDB was not away: all of {reads} reads were answered");
    let (answered, refused) = (books.answered.load(Relaxed), books.refused.load(Relaxed));
    ensure!(refused == 0, "{refused} redirects were refused, {answered} answered");
    counted(&scene.ledger, &books, &code).await
}

/// Waits until so many more redirects have ended, whichever way.
async fn asked(books: &Books, more: u64) -> anyhow::Result<()> {
    let goal = books.ended() + more;
    eventually(LIMIT, "redirects to end", async || Ok((books.ended() >= goal).then_some(()))).await
}

/// Waits until analytics counts what was answered, and checks that it does not count more than was sent.
async fn counted(ledger: &Ledger, books: &Books, code: &str) -> anyhow::Result<()> {
    let (least, most) = books.bounds();
    eventually(LIMIT, "clicks to be counted", async || {
        let (clicks, _) = ledger.clicks_at_analytics(&[code.to_owned()]).await?;
        ensure!((least..=most).contains(&clicks), "{clicks} clicks of {least} to {most} redirects");
        Ok(Some(()))
    })
    .await
}
