//! A site: one set of engines with its folder, its ports and its administrators' passwords.

use super::Engine;
use crate::ports::Ports;
use crate::process::Daemon;
use crate::secrets::Secrets;
use crate::{files, paths};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

/// Secrets that engines need besides the passwords of their administrators.
const COOKIE: &str = "rabbitmq-cookie";
const KEY: &str = "mongo-key";

/// What one set of engines is for, and so how it is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// `cargo dev up`.
    Up,
    /// All tests of a folder.
    Tests,
    /// One test that kills engines.
    Private,
    /// One bench, where a commit is to cost what it costs in production.
    Bench,
}

/// Where one set of engines lives and how it is run.
#[derive(Debug, Clone)]
pub struct Site {
    folder: PathBuf,
    ports: Ports,
    purpose: Purpose,
    secrets: BTreeMap<&'static str, String>,
}

impl Site {
    /// The engines of `cargo dev up`: durable, on ports from 17000 (or `VITRINE_UP_PORTS`).
    pub fn up() -> Result<Self> {
        Self::new(paths::dev().join("up"), Ports::at(base("VITRINE_UP_PORTS", 17_000)?), Purpose::Up)
    }

    /// The engines of the tests: they do not wait for the disk. Their ports are chosen once per folder: those from
    /// 18000 (or `VITRINE_TEST_PORTS`), or, where another clone holds one of them, any that are free.
    pub fn test() -> Result<Self> {
        let folder = paths::dev().join("test");
        let ports = Ports::chosen_once(&folder, base("VITRINE_TEST_PORTS", 18_000)?)?;
        Self::new(folder, ports, Purpose::Tests)
    }

    /// A set of its own, which ends with the process that starts it.
    pub(super) fn private(folder: PathBuf, ports: Ports) -> Result<Self> {
        Self::new(folder, ports, Purpose::Private)
    }

    /// A set of its own that waits for the disk like that of `cargo dev up`.
    pub(super) fn bench(folder: PathBuf, ports: Ports) -> Result<Self> {
        Self::new(folder, ports, Purpose::Bench)
    }

    fn new(folder: PathBuf, ports: Ports, purpose: Purpose) -> Result<Self> {
        files::folder(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut stored = Secrets::open(&folder)?;
        let names = Engine::ALL.iter().map(|engine| engine.name()).chain([COOKIE, KEY]);
        let secrets = names.map(|name| Ok((name, stored.get(name)?))).collect::<Result<_>>()?;
        Ok(Self { folder, ports, purpose, secrets })
    }

    /// The folder that holds everything of this site.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The port by which an engine is known.
    pub(super) fn port(&self, engine: Engine) -> u16 {
        let ports = &self.ports;
        match engine {
            Engine::Postgres => ports.postgres,
            Engine::Mongo => ports.mongo,
            Engine::Redis => ports.redis,
            Engine::Limits => ports.limits(),
            Engine::Rabbitmq => ports.amqp,
            Engine::Clickhouse => ports.clickhouse,
        }
    }

    pub fn daemon(&self, engine: Engine) -> Daemon {
        self.process(engine.name())
    }

    pub(super) fn process(&self, name: &str) -> Daemon {
        Daemon::new(self.folder.join("logs"), name)
    }

    pub(super) fn data(&self, engine: Engine) -> PathBuf {
        self.folder.join(engine.name())
    }

    /// Whether a committed write survives a power cut (a killed process it always survives).
    pub(super) fn durable(&self) -> bool {
        matches!(self.purpose, Purpose::Up | Purpose::Bench)
    }

    /// Whether engines outlive the process that starts them.
    pub(super) fn detached(&self) -> bool {
        matches!(self.purpose, Purpose::Up | Purpose::Tests)
    }

    /// Whether an engine starts without the data of its last run. The broker of the tests does: RabbitMQ 3.10 that
    /// starts on what thousands of deleted quorum queues left behind fails to declare new ones.
    pub(super) fn forgets(&self, engine: Engine) -> bool {
        self.purpose == Purpose::Tests && engine == Engine::Rabbitmq
    }

    pub fn password(&self, engine: Engine) -> &str {
        self.secret(engine.name())
    }

    pub(super) fn cookie(&self) -> &str {
        self.secret(COOKIE)
    }

    /// The key by which members of a MongoDB replica set know each other.
    pub fn key(&self) -> &str {
        self.secret(KEY)
    }

    fn secret(&self, name: &str) -> &str {
        self.secrets.get(name).map_or("", String::as_str)
    }
}

/// Reads the first port of a plan from the environment.
fn base(variable: &str, default: u16) -> Result<u16> {
    let Ok(text) = env::var(variable) else { return Ok(default) };
    text.parse().with_context(|| format!("{variable}={text} is not a port number"))
}
