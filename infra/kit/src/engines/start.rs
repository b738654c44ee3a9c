//! Starting one engine: is its port free, is its data there, does it answer.

use super::{Addresses, Engine, Site, clickhouse, mongo, postgres, rabbitmq, redis};
use crate::{Trouble, eventually, ports};
use anyhow::{Result, anyhow};
use std::process::Command;
use std::time::Duration;

/// How long an engine may take until it answers. RabbitMQ needs seven seconds on two idle cores.
const LIMIT: Duration = Duration::from_secs(90);

/// How long the sockets of an engine that was killed may take to close.
const CLOSING: Duration = Duration::from_secs(3);

/// Starts an engine unless it runs, and waits until it answers its administrator.
pub(super) async fn start(site: &Site, engine: Engine) -> Result<()> {
    let daemon = site.daemon(engine);
    if daemon.running().is_none() {
        free(site, engine).await?;
        let command = command(site, engine).await?;
        daemon.spawn(&command, site.detached())?;
    }
    let answered = eventually(LIMIT, "its first answer", || async {
        if daemon.running().is_none() {
            return Ok(Some(Err(anyhow!("it ended"))));
        }
        ready(site, engine).await.map(|()| Some(Ok(())))
    });
    answered.await.flatten().map_err(|error| {
        let what = format!("{} did not start on port {}: {error:#}.", engine.name(), site.port(engine));
        let mend = format!(
            "read {}; without {} it starts with fresh data",
            daemon.log_path().display(),
            site.data(engine).display()
        );
        Trouble::new(what, mend).with_log(daemon.log_tail(12)).into()
    })
}

/// Waits until an engine that something else started answers its administrator.
pub(super) async fn answer(site: &Site, engine: Engine) -> Result<()> {
    let answered = eventually(LIMIT, "its first answer", async || ready(site, engine).await.map(Some));
    answered.await.map_err(|error| {
        let what = format!("{} does not answer on port {}: {error:#}.", engine.name(), site.port(engine));
        Trouble::new(what, "look at its log, then run the command again").into()
    })
}

/// Says who holds a port that the engine needs.
///
/// A process that was killed counts as gone when its first thread is; the last one closes its sockets.
async fn free(site: &Site, engine: Engine) -> Result<()> {
    let one = [site.port(engine)];
    let needed = if engine == Engine::Rabbitmq { rabbitmq::ports(site) } else { one.to_vec() };
    let taken = || needed.iter().copied().find(|&port| !ports::is_free(port));
    let closed = eventually(CLOSING, "free ports", async || Ok(taken().is_none().then_some(())));
    if closed.await.is_ok() {
        return Ok(());
    }
    let Some(taken) = taken() else { return Ok(()) };
    let holder = ports::holder(taken).unwrap_or_else(|| "another process".to_owned());
    let what = format!("{} needs port {taken}, which {holder} holds.", engine.name());
    let mend = "stop that process, or choose other ports: VITRINE_UP_PORTS=27000 (VITRINE_TEST_PORTS for tests)";
    Err(Trouble::new(what, mend).into())
}

/// Prepares data and configuration, and gives the command that runs the engine in the foreground.
async fn command(site: &Site, engine: Engine) -> Result<Command> {
    match engine {
        Engine::Postgres => postgres::command(site).await,
        Engine::Mongo => mongo::command(site),
        Engine::Redis | Engine::Limits => redis::command(site, engine),
        Engine::Rabbitmq => rabbitmq::command(site).await,
        Engine::Clickhouse => clickhouse::command(site),
    }
}

/// Asks the engine as its administrator, and finishes what only a running engine can set up.
async fn ready(site: &Site, engine: Engine) -> Result<()> {
    match engine {
        Engine::Postgres => postgres::ready(site).await,
        Engine::Mongo => mongo::ready(site).await,
        Engine::Redis => redis::ready(&Addresses::of(site).redis).await,
        Engine::Limits => redis::ready(&Addresses::of(site).limits).await,
        Engine::Rabbitmq => rabbitmq::ready(site).await,
        Engine::Clickhouse => clickhouse::ready(site).await,
    }
}
