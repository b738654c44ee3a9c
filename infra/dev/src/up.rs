//! The whole set-up, in order. Every step leaves alone what is done already.

use std::time::Instant;

use anyhow::{Context as _, Result};
use kit::Engine;
use kit::engines::{self, Addresses};
use kit::progress::{say, step};
use kit::provision::{self, AllLogins, Realm, Share};
use kit::units;
use tokio::signal::unix::{SignalKind, signal};

use crate::cargo::Build;
use crate::site::Stack;
use crate::{cargo, docker, down, logs, seed, services, summary};

/// Sets everything up. In the foreground it then shows the logs, and Ctrl-C stops all of it.
pub(crate) async fn run(detach: bool) -> Result<()> {
    let began = Instant::now();
    let outcome = tokio::select! {
        outcome = set_up() => outcome.map(|()| true),
        signal = stop_signal() => signal.map(|()| false),
    };
    match outcome {
        Ok(true) => say(&format!("ready after {:.1} s", began.elapsed().as_secs_f64())),
        Ok(false) => return down::run().await,
        Err(error) => return Err(error),
    }
    summary::show(&mut Stack::open()?)?;
    if detach {
        return Ok(());
    }
    say("\nlogs follow; Ctrl-C stops services and engines (`cargo dev up -d` leaves them running)\n");
    tokio::select! {
        outcome = logs::follow_units() => outcome?,
        signal = stop_signal() => signal?,
    }
    down::run().await
}

async fn set_up() -> Result<()> {
    let mut site = Stack::open()?;
    // Beside each other: what is missing of the engines comes over the network while the compiler has the processors.
    let ((), addresses) = tokio::try_join!(cargo::build(Build::Programs), Box::pin(download(&site)))?;
    let logins = step("databases and logins", logins(&mut site, &addresses)).await?;
    let wiring = site.wiring()?;
    services::start(&site, &wiring, &logins).await?;
    step("demo data", seed::run(&mut site)).await
}

/// Starts the engines, with what is missing of them, and fetches GraphiQL; all else works without that.
async fn download(site: &Stack) -> Result<Addresses> {
    let (addresses, page) = tokio::join!(start_engines(site), engines::download_graphiql());
    if let Err(error) = page {
        say(&format!("  -- no GraphiQL in the browser: {error:#}"));
    }
    addresses
}

/// Engines by Docker where its daemon answers, as plain processes else.
async fn start_engines(site: &Stack) -> Result<Addresses> {
    if docker::serves(&site.engines).await {
        docker::start(&site.engines).await
    } else {
        engines::ensure(&site.engines, Engine::ALL).await
    }
}

async fn logins(site: &mut Stack, addresses: &Addresses) -> Result<AllLogins> {
    let secrets = &mut site.secrets;
    let password = |unit: &str, engine: Engine| secrets.get(&format!("{unit}@{}", engine.name()));
    provision::create(addresses, &Realm::product(), Share::of_all(Engine::ALL), password).await
}

/// Builds one unit again and restarts it.
pub(crate) async fn restart(name: &str) -> Result<()> {
    let names = units::UNITS.iter().map(|unit| unit.name).collect::<Vec<_>>().join(", ");
    let unit = units::named(name).with_context(|| format!("there is no unit `{name}`; there are {names}"))?;
    cargo::build(Build::Programs).await?;
    let mut site = Stack::open()?;
    let addresses = start_engines(&site).await?;
    let logins = logins(&mut site, &addresses).await?;
    services::stop_one(&site.unit(unit.name), unit.name).await?;
    let wiring = site.wiring()?;
    services::start_one(&site, unit, &wiring, &logins).await?;
    services::wait_for(&site, unit).await
}

/// Waits for Ctrl-C, a polite kill or the end of the terminal.
async fn stop_signal() -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    say("\nstopping");
    Ok(())
}
