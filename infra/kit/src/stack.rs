//! The real programs, run for one test.

use crate::environment::{Environment, Listeners};
use crate::ports::Reserved;
use crate::process::Daemon;
use crate::{Sandbox, Trouble, eventually, http, paths, units};
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// How long a unit may take until it is ready, on a machine that runs other tests beside.
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(15);

/// Some units of Vitrine as processes, on free ports, with the logins of a sandbox. They end with this value.
#[derive(Debug)]
pub struct Stack {
    units: BTreeMap<String, Running>,
    listeners: Listeners,
    // Keeps the ports from being given to others while a unit is down.
    _ports: Vec<Reserved>,
}

#[derive(Debug)]
struct Running {
    daemon: Daemon,
    environment: Environment,
}

/// A stack that is not started yet, with settings of its own.
#[derive(Debug)]
pub struct Builder<'a> {
    sandbox: &'a Sandbox,
    extra: BTreeMap<String, Environment>,
    listeners: Listeners,
    ports: Vec<Reserved>,
}

impl Builder<'_> {
    /// Sets an environment variable for a unit, in place of what the sandbox says.
    #[must_use]
    pub fn env(mut self, unit: &str, name: &str, value: impl Into<String>) -> Self {
        self.extra.entry(unit.to_owned()).or_default().insert(name.to_owned(), value.into());
        self
    }

    /// Takes the ports of the units that will be started, so that settings can name them.
    pub fn reserve(mut self, units: &[&str]) -> Result<Self> {
        (self.listeners, self.ports) = reserve(units)?;
        Ok(self)
    }

    /// Base URL of a unit whose port is [reserved](Self::reserve).
    pub fn url(&self, unit: &str) -> Option<String> {
        self.listeners.get(unit).map(|address| format!("http://{address}"))
    }

    pub fn sandbox(&self) -> &Sandbox {
        self.sandbox
    }

    /// Starts units, in the given order, and waits until all are ready.
    pub async fn start(self, units: &[&str]) -> Result<Stack> {
        let reserved = if self.listeners.is_empty() { self.reserve(units)? } else { self };
        let Self { sandbox, extra, listeners, ports } = reserved;
        let folder = sandbox.folder();
        let running = units.iter().map(|&unit| {
            let mut environment = sandbox.env_among(unit, listeners.clone());
            environment.extend(extra.get(unit).cloned().unwrap_or_default());
            (unit.to_owned(), Running { daemon: idle(&folder, unit), environment })
        });
        let stack = Stack { units: running.collect(), listeners: listeners.clone(), _ports: ports };
        for unit in units {
            stack.unit(unit)?.spawn(unit)?;
        }
        for unit in units {
            stack.ready(unit).await?;
        }
        Ok(stack)
    }
}

/// The daemon of a unit: another one than those that run already, where a test has several stacks at once.
fn idle(folder: &Path, unit: &str) -> Daemon {
    let names = std::iter::once(unit.to_owned()).chain((2..).map(|number| format!("{unit}-{number}")));
    let mut daemons = names.map(|name| Daemon::new(folder, name));
    daemons.find(|daemon| daemon.running().is_none()).expect("names never run out")
}

/// Takes a port for every listener of the units.
fn reserve(units: &[&str]) -> Result<(Listeners, Vec<Reserved>)> {
    let operators = units.iter().filter(|unit| units::named(unit).is_some_and(|unit| unit.operators_port.is_some()));
    let operators = operators.map(|unit| format!("{unit}/operators"));
    let names: Vec<String> = units.iter().map(|&unit| unit.to_owned()).chain(operators).collect();
    let ports: Vec<Reserved> = names.iter().map(|_| Reserved::take()).collect::<Result<_>>()?;
    let addresses = ports.iter().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port.port())));
    Ok((names.into_iter().zip(addresses).collect(), ports))
}

impl Running {
    fn spawn(&self, unit: &str) -> Result<()> {
        let mut command = Command::new(paths::binary(unit)?);
        command.envs(&self.environment);
        // Not detached: when the test runner kills the test, it kills these too.
        self.daemon.spawn(&command, false)?;
        Ok(())
    }
}

impl Stack {
    pub async fn start(sandbox: &Sandbox, units: &[&str]) -> Result<Self> {
        Self::builder(sandbox).start(units).await
    }

    pub fn builder(sandbox: &Sandbox) -> Builder<'_> {
        Builder { sandbox, extra: BTreeMap::new(), listeners: Listeners::new(), ports: Vec::new() }
    }

    /// Base URL of a unit, without a slash at the end.
    #[track_caller]
    pub fn url(&self, unit: &str) -> String {
        let address = self.listeners.get(unit);
        format!("http://{}", address.unwrap_or_else(|| panic!("{unit} is not in this stack")))
    }

    /// Base URL of the gateway's listener for operators.
    #[track_caller]
    pub fn operators_url(&self) -> String {
        self.url("gateway/operators")
    }

    pub fn environment(&self, unit: &str) -> Result<&Environment> {
        Ok(&self.unit(unit)?.environment)
    }

    /// All that a unit wrote so far, over all its starts.
    pub fn logs(&self, unit: &str) -> Result<String> {
        Ok(self.unit(unit)?.daemon.log_tail(usize::MAX))
    }

    pub fn pid(&self, unit: &str) -> Result<u32> {
        let process = self.unit(unit)?.daemon.running();
        Ok(process.with_context(|| format!("{unit} does not run"))?.pid)
    }

    /// How many descriptors a running unit has open.
    pub fn descriptors(&self, unit: &str) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid(unit)?))?.count())
    }

    /// Lets a running unit open so many descriptors more than it has now, and returns how many that are.
    pub fn leave_descriptors(&self, unit: &str, more: usize) -> Result<usize> {
        let pid = i32::try_from(self.pid(unit)?).ok().and_then(Pid::from_raw).context("a process id")?;
        let most = self.descriptors(unit)? + more;
        let limit = Rlimit { current: Some(u64::try_from(most)?), ..getrlimit(Resource::Nofile) };
        prlimit(Some(pid), Resource::Nofile, limit)?;
        Ok(most)
    }

    /// Kills a unit with SIGKILL and waits until it is gone.
    pub async fn kill9(&self, unit: &str) -> Result<()> {
        self.unit(unit)?.daemon.kill9().await
    }

    /// Halts a unit: it takes connections and answers nothing.
    pub fn pause(&self, unit: &str) -> Result<()> {
        self.unit(unit)?.daemon.pause();
        Ok(())
    }

    pub fn resume(&self, unit: &str) -> Result<()> {
        self.unit(unit)?.daemon.resume();
        Ok(())
    }

    /// Asks a unit to end (SIGTERM) and waits until it has.
    pub async fn stop(&self, unit: &str) -> Result<()> {
        self.unit(unit)?.daemon.stop(STOP).await
    }

    /// Starts a unit again, on the same port with the same environment, and waits until it is ready. A unit that
    /// still runs is stopped first.
    pub async fn restart(&self, unit: &str) -> Result<()> {
        self.stop(unit).await?;
        self.unit(unit)?.spawn(unit)?;
        self.ready(unit).await
    }

    fn unit(&self, unit: &str) -> Result<&Running> {
        self.units.get(unit).with_context(|| format!("{unit} is not in this stack"))
    }

    async fn ready(&self, unit: &str) -> Result<()> {
        ready(&self.unit(unit)?.daemon, unit, &self.url(unit), START).await
    }
}

/// Waits until a process answers 200 at `/health/ready`.
pub async fn ready(daemon: &Daemon, unit: &str, url: &str, limit: Duration) -> Result<()> {
    let probe = format!("{url}/health/ready");
    let outcome = eventually(limit, "its readiness", async || {
        if daemon.running().is_none() {
            return Ok(Some(Err(anyhow::anyhow!("it ended"))));
        }
        let answer = http::client().get(&probe).send().await?;
        let status = answer.status();
        anyhow::ensure!(status.is_success(), "/health/ready says {status}: {}", answer.text().await?);
        Ok(Some(Ok(())))
    });
    outcome.await.flatten().map_err(|error| {
        let what = format!("{unit} did not become ready: {error:#}.");
        let mend = format!("read {}", daemon.log_path().display());
        Trouble::new(what, mend).with_log(daemon.log_tail(25)).into()
    })
}

impl Drop for Stack {
    fn drop(&mut self) {
        for (name, unit) in &self.units {
            if std::thread::panicking() {
                crate::progress::say(&format!("--- the end of {name}'s log\n{}", unit.daemon.log_tail(40)));
            }
            unit.daemon.kill_and_forget();
        }
    }
}
