//! Engines that a test may kill: a set of its own, which the shared engines and other tests do not notice.

use super::{Addresses, Engine, Site, ensure as ensure_shared, rabbitmq, start, start_all};
use crate::disk::{self, Disk};
use crate::paths;
use crate::ports::{Ports, Reserved};
use crate::process::{Daemon, Identity};
use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Some private engines; the shared test engines serve for the others.
///
/// They are in the process group of the test and are killed, and their data removed, when this value drops.
#[derive(Debug)]
pub struct Private {
    site: Site,
    engines: Vec<Engine>,
    addresses: Addresses,
    /// The engines with a disk of their own, or why they have none.
    disks: BTreeMap<Engine, Result<Disk, String>>,
    // Keeps the ports from being given to others while an engine is down.
    _ports: Vec<Reserved>,
}

impl Private {
    /// Starts private engines with empty data on free ports.
    pub async fn start(engines: &[Engine]) -> Result<Self> {
        Self::start_as(engines, &[], Site::private).await
    }

    /// Like [`start`](Self::start), with engines that wait for the disk as in production.
    pub async fn durable(engines: &[Engine]) -> Result<Self> {
        Self::start_as(engines, &[], Site::bench).await
    }

    /// Like [`start`](Self::start), with some engines each on a disk of so many mebibytes, where mounting is permitted.
    pub async fn on_small_disks(engines: &[Engine], disks: &[(Engine, u32)]) -> Result<Self> {
        Self::start_as(engines, disks, Site::private).await
    }

    async fn start_as(
        engines: &[Engine],
        disks: &[(Engine, u32)],
        site: fn(PathBuf, Ports) -> Result<Site>,
    ) -> Result<Self> {
        let others: Vec<Engine> = Engine::ALL.iter().copied().filter(|engine| !engines.contains(engine)).collect();
        let shared = ensure_shared(&Site::test()?, &others).await?;
        remove_leftovers();
        let (ports, held) = Ports::reserved()?;
        let own = Identity::own();
        let name = format!("{}x{}x{}", own.pid, own.started, ports.postgres);
        let site = site(folder().join(name), ports)?;
        let disk = |(engine, mebibytes): &(Engine, u32)| {
            let disk = Disk::mount(&site.data(*engine), *mebibytes);
            (*engine, disk.map_err(|error| format!("{error:#}")))
        };
        let disks = disks.iter().map(disk).collect();
        // Built before the start, so that a failing start also cleans up.
        let mut private = Self { site, engines: engines.to_vec(), addresses: shared.clone(), disks, _ports: held };
        let addresses = start_all(&private.site, engines).await?;
        private.addresses = shared.with(engines, &addresses);
        Ok(private)
    }

    /// Where to find every engine: private ones where there are, shared ones else.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The folder that holds everything of the private engines; removed with them.
    pub fn folder(&self) -> &Path {
        self.site.folder()
    }

    /// Kills an engine with SIGKILL and waits until it is gone. RabbitMQ is given the few seconds after a queue was
    /// made in which it would lose it.
    pub async fn kill9(&self, engine: Engine) -> Result<()> {
        let daemon = self.own(engine)?;
        if engine == Engine::Rabbitmq && daemon.running().is_some() {
            rabbitmq::written_down(&self.site).await?;
        }
        daemon.kill9().await
    }

    /// Starts a killed engine on the same data and port, and waits until it answers.
    pub async fn start_again(&self, engine: Engine) -> Result<()> {
        self.own(engine)?;
        start::start(&self.site, engine).await
    }

    /// Halts an engine: it takes connections and answers nothing.
    pub fn pause(&self, engine: Engine) -> Result<()> {
        self.own(engine)?.pause();
        Ok(())
    }

    pub fn resume(&self, engine: Engine) -> Result<()> {
        self.own(engine)?.resume();
        Ok(())
    }

    /// Sets the memory from which on RabbitMQ takes no messages, for example `1GB`: below what it uses, an alarm.
    pub async fn broker_memory(&self, limit: &str) -> Result<()> {
        self.own(Engine::Rabbitmq)?;
        rabbitmq::limit_memory(&self.site, limit).await
    }

    /// Whether RabbitMQ has an alarm, so that it takes no messages.
    pub async fn broker_alarm(&self) -> Result<bool> {
        rabbitmq::has_alarm(&self.addresses).await
    }

    pub fn disk(&self, engine: Engine) -> Result<&Disk> {
        let disk = self.disks.get(&engine).context("it was not given a disk of its own")?;
        disk.as_ref().map_err(|reason| anyhow::anyhow!("{reason}"))
    }

    /// The process of an engine that is not shared.
    fn own(&self, engine: Engine) -> Result<Daemon> {
        ensure!(self.engines.contains(&engine), "{} is shared with other tests here", engine.name());
        Ok(self.site.daemon(engine))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        kill(&self.site);
        remove(self.site.folder());
    }
}

fn kill(site: &Site) {
    let daemons = Engine::ALL.iter().map(|&engine| site.daemon(engine));
    for daemon in daemons.chain([rabbitmq::port_mapper(site)]) {
        daemon.kill_and_forget();
    }
}

fn remove(folder: &Path) {
    disk::unmount_below(folder);
    let _ = std::fs::remove_dir_all(folder);
}

fn folder() -> PathBuf {
    paths::dev().join("private")
}

/// Kills and removes what tests left that were killed themselves before they could clean up.
fn remove_leftovers() {
    for entry in std::fs::read_dir(folder()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let mut parts = name.split('x').map(str::parse::<u64>);
        let (Some(Ok(pid)), Some(Ok(started))) = (parts.next(), parts.next()) else { continue };
        let owner = Identity { pid: u32::try_from(pid).unwrap_or(0), started };
        if owner.alive() {
            continue;
        }
        if let Ok(site) = Site::private(entry.path(), Ports::at(0)) {
            kill(&site);
        }
        remove(&entry.path());
    }
}
