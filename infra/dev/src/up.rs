//! The whole set-up, in order. Every step leaves alone what is done already.

use crate::build::{Build, build};
use crate::site::{Stack, url};
use crate::{docker, down, logs, seed, services, summary};
use anyhow::{Context as _, Result};
use kit::engines::{self, Addresses};
use kit::progress::{say, step};
use kit::provision::{self, AllLogins, Realm, Share};
use kit::{Engine, units};
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

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
    let source = Source::chosen(&site).await;
    let programs = source.with_engines(units::UNITS.iter().map(|unit| unit.name));
    // Beside each other: what is missing of the engines comes over the network while the compiler has the processors.
    let ((), all) = tokio::try_join!(build(Build::Only(&programs)), Box::pin(source.start_early(&site)))?;
    let addresses = match all {
        Some(addresses) => addresses,
        None => source.start(&site).await?,
    };
    let logins = step("databases and logins", logins(&mut site, &addresses)).await?;
    let wiring = site.wiring()?;
    services::start(&site, &wiring, &logins).await?;
    let password = site.demo_password()?;
    step("demo data", seed::run(&url("gateway"), &password, &wiring.operator)).await
}

/// Where the engines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Containers, where a Docker daemon answers.
    Docker,
    /// Plain processes. One of them is a program of this workspace.
    Processes,
}

impl Source {
    async fn chosen(site: &Stack) -> Self {
        if docker::serves(&site.engines).await { Self::Docker } else { Self::Processes }
    }

    /// The programs to build: some units, and the engines that are built here.
    fn with_engines(self, units: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
        let engines = Engine::ALL.iter().filter_map(|engine| engine.built_here());
        units.chain(engines.filter(|_| self == Self::Processes)).collect()
    }

    /// Does what needs no program of ours: starts the other engines, downloads all, and fetches GraphiQL. Gives the
    /// addresses if no engine is left to start.
    async fn start_early(self, site: &Stack) -> Result<Option<Addresses>> {
        let engines = async {
            if self == Self::Docker {
                return docker::start(&site.engines).await.map(Some);
            }
            engines::install(Engine::ALL).await?;
            let others = Engine::ALL.iter().copied().filter(|engine| engine.built_here().is_none());
            engines::ensure(&site.engines, &others.collect::<Vec<_>>()).await.map(|_| None)
        };
        let (engines, page) = tokio::join!(engines, engines::download_graphiql());
        if let Err(error) = page {
            say(&format!("  -- no GraphiQL in the browser: {error:#}; all else works"));
        }
        engines
    }

    /// Starts every engine that does not run yet.
    async fn start(self, site: &Stack) -> Result<Addresses> {
        match self {
            Self::Docker => docker::start(&site.engines).await,
            Self::Processes => engines::ensure(&site.engines, Engine::ALL).await,
        }
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
    let mut site = Stack::open()?;
    let source = Source::chosen(&site).await;
    build(Build::Only(&source.with_engines(std::iter::once(unit.name)))).await?;
    let addresses = source.start(&site).await?;
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
