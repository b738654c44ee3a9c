//! The units as processes: started in order, left alone when they already run what was just built.

use crate::site::Stack;
use anyhow::Result;
use futures::future::try_join_all;
use kit::environment::Wiring;
use kit::process::{Daemon, Identity};
use kit::progress::step;
use kit::provision::AllLogins;
use kit::units::{UNITS, Unit};
use kit::{Trouble, paths, ports, stack};
use std::fs;
use std::process::Command;
use std::time::Duration;

/// How long a unit may drain before it is killed; longer than its own grace of ten seconds.
const GRACE: Duration = Duration::from_secs(15);
const READY: Duration = Duration::from_secs(60);

/// Starts every unit that does not run, or runs an older build, and waits until all are ready.
pub(crate) async fn start(site: &Stack, wiring: &Wiring, logins: &AllLogins) -> Result<()> {
    for unit in UNITS {
        start_one(site, unit, wiring, logins).await?;
    }
    try_join_all(UNITS.iter().map(|unit| wait_for(site, unit))).await?;
    Ok(())
}

/// Starts one unit unless it already runs the current build.
pub(crate) async fn start_one(site: &Stack, unit: &Unit, wiring: &Wiring, logins: &AllLogins) -> Result<()> {
    let daemon = site.unit(unit.name);
    if let Some(process) = daemon.running() {
        if !outdated(process) {
            return Ok(());
        }
        step(&format!("stopping the older {}", unit.name), daemon.stop(GRACE)).await?;
    }
    for port in std::iter::once(unit.port).chain(unit.operators_port) {
        free(unit.name, port)?;
    }
    let mut command = Command::new(paths::binary(unit.name)?);
    command.envs(wiring.of(unit.name, logins.get(unit.name).unwrap_or(&Default::default())));
    command.current_dir(paths::workspace());
    daemon.spawn(&command, true)?;
    Ok(())
}

pub(crate) async fn wait_for(site: &Stack, unit: &Unit) -> Result<()> {
    let daemon = site.unit(unit.name);
    let url = format!("http://127.0.0.1:{}", unit.port);
    let ready = stack::ready(&daemon, unit.name, &url, READY);
    step(&format!("{} on port {}", unit.name, unit.port), ready).await
}

/// Stops every unit, the gateway first, so that nobody calls a unit that is gone.
pub(crate) async fn stop(site: &Stack) -> Result<()> {
    for unit in UNITS.iter().rev() {
        stop_one(&site.unit(unit.name), unit.name).await?;
    }
    Ok(())
}

pub(crate) async fn stop_one(daemon: &Daemon, name: &str) -> Result<()> {
    match daemon.running() {
        Some(_) => step(&format!("stopping {name}"), daemon.stop(GRACE)).await,
        None => Ok(()),
    }
}

/// Whether the program of a process has been replaced since it started.
fn outdated(process: Identity) -> bool {
    let program = fs::read_link(format!("/proc/{}/exe", process.pid));
    program.is_ok_and(|path| path.to_string_lossy().ends_with(" (deleted)"))
}

fn free(unit: &str, port: u16) -> Result<()> {
    if ports::is_free(port) {
        return Ok(());
    }
    let holder = ports::holder(port).unwrap_or_else(|| "another process".to_owned());
    let what = format!("{unit} needs port {port}, which {holder} holds.");
    Err(Trouble::new(what, "stop that process, then run `cargo dev up` again").into())
}
