//! The processes of the engines: started when asked for, stopped when idle, and with the front.

use crate::engine::Limits;
use anyhow::{Context as _, Result, ensure};
use parking_lot::Mutex;
use rand::distr::{Alphanumeric, SampleString as _};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// How long an engine may take to start: it may load many parts, or wait for a predecessor to leave.
const START: Duration = Duration::from_secs(60);
/// How long an engine may take to stop before it is killed.
const STOP: Duration = Duration::from_secs(15);

struct Running {
    child: Child,
    socket: PathBuf,
    used: Instant,
    /// Held by every request that is under way.
    lease: Arc<()>,
}

impl Running {
    async fn connect(&mut self) -> std::io::Result<(UnixStream, Arc<()>)> {
        self.used = Instant::now();
        Ok((UnixStream::connect(&self.socket).await?, Arc::clone(&self.lease)))
    }
}

type Slot = Arc<tokio::sync::Mutex<Option<Running>>>;

/// All engines, by database.
pub(super) struct Engines {
    limits: Limits,
    /// Where the sockets are: nobody else may enter.
    sockets: PathBuf,
    slots: Mutex<HashMap<String, Slot>>,
}

impl Engines {
    /// Prepares a place for the sockets: not in `data`, whose path may be longer than a socket's may be. A link there
    /// tells where, so that what a killed predecessor left is removed.
    pub(super) fn new(limits: Limits, data: &Path) -> Result<Self> {
        let link = data.join("sockets");
        if let Ok(old) = std::fs::read_link(&link) {
            // Either may be gone already.
            let _ = (std::fs::remove_dir_all(old), std::fs::remove_file(&link));
        }
        let name = format!("vitrine-clickhouse-{}", Alphanumeric.sample_string(&mut rand::rng(), 12));
        let sockets = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&sockets)
            .with_context(|| format!("creating {}", sockets.display()))?;
        std::os::unix::fs::symlink(&sockets, &link).context("linking the sockets")?;
        Ok(Self { limits, sockets, slots: Mutex::default() })
    }

    fn slot(&self, database: &str) -> Slot {
        Arc::clone(self.slots.lock().entry(database.to_owned()).or_default())
    }

    /// Connects to a database's engine, starting it if it does not run. The engine stays while the lease is held.
    pub(super) async fn connect(&self, database: &str, folder: &Path) -> Result<(UnixStream, Arc<()>)> {
        let slot = self.slot(database);
        let mut running = slot.lock().await;
        if let Some(engine) = running.as_mut()
            && let Ok(None) = engine.child.try_wait()
            && let Ok(connected) = engine.connect().await
        {
            return Ok(connected);
        }
        // Killed when dropped, in case that it is there and does not listen.
        drop(running.take());
        let engine = running.insert(self.start(database, folder).await?);
        engine.connect().await.context("connecting to the engine")
    }

    async fn start(&self, database: &str, folder: &Path) -> Result<Running> {
        let began = Instant::now();
        let socket = self.sockets.join(Alphanumeric.sample_string(&mut rand::rng(), 12));
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("engine").args(["--database", database]).arg("--data").arg(folder).arg("--socket").arg(&socket);
        command.args(self.limits.arguments()).env_remove("CLICKHOUSE_ADAPTER_PASSWORD");
        // The end of its input tells the engine to stop, also when this process dies without a word.
        command.stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting the engine")?;
        // The socket's file is there a moment before the engine listens on it: only a connection tells.
        while UnixStream::connect(&socket).await.is_err() {
            ensure!(child.try_wait()?.is_none(), "the engine of {database} stopped while starting: see its log above");
            ensure!(began.elapsed() < START, "the engine of {database} did not start within {START:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tracing::info!(database, took_ms = began.elapsed().as_millis(), pid = child.id(), "An engine starts.");
        Ok(Running { child, socket, used: Instant::now(), lease: Arc::new(()) })
    }

    /// Stops a database's engine, letting it finish what it runs; a new one starts with the next request.
    pub(super) async fn stop(&self, database: &str) {
        let slot = self.slot(database);
        if let Some(engine) = slot.lock().await.take() {
            end(engine).await;
        }
        self.slots.lock().remove(database);
    }

    /// Kills a database's engine, and keeps it from starting until `removed` is done.
    pub(super) async fn discard<T>(&self, database: &str, removed: impl FnOnce() -> T) -> T {
        let slot = self.slot(database);
        let mut running = slot.lock().await;
        if let Some(mut engine) = running.take() {
            // It cannot fail in a way that matters: the process is gone in any case.
            let _ = engine.child.kill().await;
        }
        let value = removed();
        drop(running);
        value
    }

    /// Stops the engines that nobody has used for so long.
    pub(super) async fn stop_idle(&self, idle: Duration) {
        let slots: Vec<_> = self.slots.lock().iter().map(|(name, slot)| (name.clone(), Arc::clone(slot))).collect();
        for (name, slot) in slots {
            let mut running = slot.lock().await;
            let unused = |engine: &mut Running| Arc::strong_count(&engine.lease) == 1 && engine.used.elapsed() >= idle;
            if let Some(engine) = running.take_if(unused) {
                end(engine).await;
                tracing::info!(database = name, "An idle engine stops.");
            }
        }
    }

    /// Stops all engines and removes the place of the sockets.
    pub(super) async fn stop_all(&self) {
        let names: Vec<_> = self.slots.lock().keys().cloned().collect();
        futures::future::join_all(names.iter().map(|name| self.stop(name))).await;
        if let Err(error) = std::fs::remove_dir_all(&self.sockets) {
            tracing::warn!(%error, "The sockets could not be removed.");
        }
    }
}

async fn end(mut engine: Running) {
    drop(engine.child.stdin.take());
    if tokio::time::timeout(STOP, engine.child.wait()).await.is_err() {
        tracing::warn!("An engine does not stop and is killed.");
        // As above.
        let _ = engine.child.kill().await;
    }
    // The socket may be gone with the engine's folder.
    let _ = std::fs::remove_file(&engine.socket);
}
