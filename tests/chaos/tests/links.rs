//! `kill -9` of each process and engine in turn, under load: no answered click and no answered write is lost.

use anyhow::{Context as _, ensure};
use chaos::{
    ledger::Ledger,
    merchant::Merchant,
    victim::Victim,
    visitors::{Books, Visitors},
};
use harness::Issuer;
use kit::{Engine, Sandbox, Stack, engines::Private, eventually};
use std::{collections::BTreeSet, sync::atomic::Ordering::Relaxed, time::Duration};
use uuid::Uuid;

/// Redirects a second.
const RATE: u32 = 200;
/// How many redirects are answered before the kill, and how many after the recovery.
const STEADY: u64 = 400;
const LIMIT: Duration = Duration::from_secs(90);

/// Everything that runs, for one victim after the other.
struct Scene {
    stack: Stack,
    engines: Private,
    issuer: Issuer,
    _sandbox: Sandbox,
}

impl Scene {
    async fn set() -> anyhow::Result<Self> {
        let engines = Private::start(&[Engine::Rabbitmq, Engine::Mongo, Engine::Clickhouse]).await?;
        let sandbox = Sandbox::on(&engines).await?;
        let issuer = Issuer::start().await?;
        let stack = Stack::builder(&sandbox)
            .env("shortener", "SHORTENER_JWT__JWKS_URL", issuer.jwks_url())
            .env("analytics", "ANALYTICS_JWT__JWKS_URL", issuer.jwks_url())
            .start(&["shortener", "analytics"])
            .await?;
        Ok(Self { stack, engines, issuer, _sandbox: sandbox })
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&self.stack, self.issuer.token(Uuid::now_v7(), &["user"]))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_whatever_is_killed() -> anyhow::Result<()> {
    let scene = Scene::set().await?;
    for victim in [
        Victim::Unit("shortener"),
        Victim::Unit("analytics"),
        Victim::Engine(Engine::Rabbitmq),
        Victim::Engine(Engine::Mongo),
        Victim::Engine(Engine::Clickhouse),
    ] {
        survive(&scene, victim).await.with_context(|| format!("victim: {victim:?}"))?;
    }
    Ok(())
}

/// Kills the victim under load, revives it, and compares what was answered with what is stored.
async fn survive(scene: &Scene, victim: Victim) -> anyhow::Result<()> {
    let ledger = scene.ledger();
    let clicked = ledger.make_link().await?;
    let visitors = Visitors::start(vec![format!("{}/{clicked}", ledger.shortener)], RATE);
    let merchant = Merchant::start(&ledger.shortener, &ledger.token);
    answered(visitors.books(), STEADY).await?;
    victim.kill(&scene.stack, &scene.engines).await?;
    asked(visitors.books(), u64::from(RATE)).await?;
    victim.revive(&scene.stack, &scene.engines).await?;
    answered(visitors.books(), STEADY).await?;
    let mut codes = merchant.stop().await;
    let books = visitors.stop().await;
    codes.push(clicked);
    counted(&ledger, &books, &codes).await?;
    ledger.holds_exactly(&codes).await
}

/// Waits until so many more redirects are answered.
async fn answered(books: &Books, more: u64) -> anyhow::Result<()> {
    let goal = books.answered.load(Relaxed) + more;
    eventually(LIMIT, "redirects to be answered", async || Ok((books.answered.load(Relaxed) >= goal).then_some(())))
        .await
}

/// Waits until so many more redirects have ended, whichever way.
async fn asked(books: &Books, more: u64) -> anyhow::Result<()> {
    let goal = books.ended() + more;
    eventually(LIMIT, "redirects to end", async || Ok((books.ended() >= goal).then_some(()))).await
}

/// Waits until both counts say what was answered, and checks that neither says more.
async fn counted(ledger: &Ledger, books: &Books, codes: &[String]) -> anyhow::Result<()> {
    let (least, most) = books.bounds();
    let within = |place: &str, clicks: u64| {
        ensure!(clicks <= most, "{place} counts {clicks} of at most {most} redirects");
        ensure!(clicks >= least, "{place} counts {clicks} of {least} redirects yet");
        Ok(clicks)
    };
    let expected: BTreeSet<&String> = codes.iter().collect();
    eventually(LIMIT, "clicks and links to be known everywhere", async || {
        let (at_analytics, known) = ledger.clicks_at_analytics(codes).await?;
        let at_shortener = within("shortener", ledger.clicks_at_shortener().await?)?;
        ensure!(within("analytics", at_analytics)? == at_shortener, "the counts differ");
        ensure!(known.iter().collect::<BTreeSet<_>>() == expected, "analytics misses links");
        Ok(Some(()))
    })
    .await
}
