//! The engines: Postgres, MongoDB, Redis, RabbitMQ and ClickHouse, as plain processes in `.dev/<profile>/`.
//!
//! [`ensure`] is the entry: it installs what is missing, starts what does not run, and writes
//! `engines.json` with addresses and administrators' logins. Calling it again changes nothing. It is safe to
//! call from many processes at once: a file lock lets one of them work while the others wait.

mod addresses;
mod clickhouse;
mod install;
mod mongo;
mod postgres;
mod private;
mod rabbitmq;
mod redis;
mod site;
mod start;

pub use crate::engine::Engine;
use crate::lock;
use crate::process::Identity;
use crate::progress::step;
pub use addresses::{Address, Addresses};
use anyhow::{Context as _, Result};
use futures::future::try_join_all;
pub use install::{download_graphiql, folder as downloads, graphiql, missing as install, nextest};
pub(crate) use mongo::as_administrator as mongo_administrator;
pub use postgres::program as postgres_program;
pub use private::Private;
pub(crate) use redis::connect as redis_connection;
pub use site::Site;
use std::fs::File;
use std::time::Duration;

/// How long an engine may take to shut down in order. RabbitMQ needs about eight seconds.
const GRACE: Duration = Duration::from_secs(20);

/// Makes sure that some engines of a site run and answer, and tells the addresses of all.
pub async fn ensure(site: &Site, engines: &[Engine]) -> Result<Addresses> {
    if let Some(addresses) = running(site, engines) {
        return Ok(addresses);
    }
    let _turn = turn(site).await?;
    if let Some(addresses) = running(site, engines) {
        return Ok(addresses);
    }
    // A process is there before it answers: whoever asks meanwhile finds no addresses, and waits for the lock.
    Addresses::forget(site.folder())?;
    let addresses = start_all(site, engines).await?;
    addresses.write(site.folder())?;
    Ok(addresses)
}

/// The addresses of a site, if these engines of it run already.
pub fn running(site: &Site, engines: &[Engine]) -> Option<Addresses> {
    let addresses = Addresses::read(site.folder()).ok().flatten()?;
    engines.iter().all(|&engine| site.daemon(engine).running().is_some()).then_some(addresses)
}

/// Starts engines that do not run yet, all at once, after installing what they need.
async fn start_all(site: &Site, engines: &[Engine]) -> Result<Addresses> {
    install::missing(engines).await?;
    let starts = engines.iter().map(|&engine| async move {
        let what = format!("{} on port {}", engine.name(), site.port(engine));
        step(&what, start::start(site, engine)).await
    });
    try_join_all(starts).await?;
    Ok(Addresses { clickhouse_logins: Some(clickhouse::logins(site)), ..Addresses::of(site) })
}

/// Waits until engines answer that something else started (Docker), and writes down their addresses.
pub async fn adopt(site: &Site) -> Result<Addresses> {
    try_join_all(Engine::ALL.iter().map(|&engine| start::answer(site, engine))).await?;
    let addresses = Addresses::of(site);
    addresses.write(site.folder())?;
    Ok(addresses)
}

/// Which engines of a site run, and as which process.
pub fn status(site: &Site) -> Vec<(Engine, Option<Identity>)> {
    Engine::ALL.iter().map(|&engine| (engine, site.daemon(engine).running())).collect()
}

/// Stops the engines of a site in order; their data stays.
pub async fn stop(site: &Site) -> Result<()> {
    let _turn = turn(site).await?;
    try_join_all(Engine::ALL.iter().map(|&engine| async move { site.daemon(engine).stop(GRACE).await })).await?;
    rabbitmq::port_mapper(site).stop(GRACE).await
}

/// Waits for the lock of a site: the work of starting and stopping is done by one process at a time.
async fn turn(site: &Site) -> Result<File> {
    let path = site.folder().join("lock");
    tokio::task::spawn_blocking(move || lock::hold(&path))
        .await?
        .context("waiting for another run that starts or stops the engines")
}
