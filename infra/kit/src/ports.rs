//! Ports: the plan of each profile, free ones for tests, and who holds a taken one.

use crate::{files, lock};
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The ports of one set of engines, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    pub postgres: u16,
    pub mongo: u16,
    /// Redis. The Redis of the limits has the port after it.
    pub redis: u16,
    /// RabbitMQ, AMQP 0.9.1.
    pub amqp: u16,
    /// RabbitMQ, management API and console.
    pub management: u16,
    /// RabbitMQ, distribution between nodes.
    pub distribution: u16,
    /// RabbitMQ, stream protocol.
    pub stream: u16,
    /// RabbitMQ, Prometheus.
    pub prometheus: u16,
    /// Erlang's port mapper.
    pub epmd: u16,
    /// ClickHouse, HTTP.
    pub clickhouse: u16,
}

impl Ports {
    /// The plan at a base: `cargo dev up` has 17000, tests have 18000.
    pub const fn at(base: u16) -> Self {
        Self {
            postgres: base + 432,
            mongo: base + 17,
            redis: base + 379,
            amqp: base + 672,
            management: base + 673,
            distribution: base + 674,
            stream: base + 675,
            prometheus: base + 692,
            epmd: base + 369,
            clickhouse: base + 123,
        }
    }

    /// The ports written down in a folder. The first question chooses the plan at `base`, or free ones if one of
    /// its ports is taken.
    pub fn chosen_once(folder: &Path, base: u16) -> Result<Self> {
        let path = folder.join("ports.json");
        if !path.is_file() {
            let plan = Self::at(base);
            let ports = if plan.all().into_iter().all(is_free) { plan } else { Self::reserved()?.0 };
            files::folder(folder).with_context(|| format!("creating {}", folder.display()))?;
            let fresh = folder.join(format!("ports.{}", std::process::id()));
            files::write(&fresh, &serde_json::to_vec(&ports)?)?;
            // Many tests may ask at once: the first link stands, and all read what it says.
            let _ = fs::hard_link(&fresh, &path);
            fs::remove_file(&fresh)?;
        }
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("understanding {}", path.display()))
    }

    pub const fn limits(&self) -> u16 {
        self.redis + 1
    }

    fn all(&self) -> [u16; 11] {
        let Self { postgres, mongo, redis, amqp, management, distribution, stream, prometheus, epmd, clickhouse } =
            *self;
        let limits = self.limits();
        [postgres, mongo, redis, limits, amqp, management, distribution, stream, prometheus, epmd, clickhouse]
    }

    /// Takes free ports for a private set of engines.
    pub fn reserved() -> Result<(Self, Vec<Reserved>)> {
        let mut held: Vec<Reserved> = (0..9).map(|_| Reserved::take()).collect::<Result<_>>()?;
        let pair = Reserved::pair()?;
        let mut next = held.iter().map(Reserved::port);
        let mut port = || next.next().context("nine ports were taken");
        let ports = Self {
            postgres: port()?,
            mongo: port()?,
            redis: pair[0].port(),
            amqp: port()?,
            management: port()?,
            distribution: port()?,
            stream: port()?,
            prometheus: port()?,
            epmd: port()?,
            clickhouse: port()?,
        };
        drop(next);
        held.extend(pair);
        Ok((ports, held))
    }
}

/// A port that no other test process of this user takes while this value lives.
///
/// It lies below the range from which the kernel gives out ports for outgoing connections, so that it stays
/// free between the stop and the restart of the process that listens on it.
#[derive(Debug)]
pub struct Reserved {
    port: u16,
    // Holds the advisory lock that is the reservation.
    _lock: File,
}

impl Reserved {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 10_000;

    /// Takes a port that is free now.
    pub fn take() -> Result<Self> {
        let folder = Self::folder();
        for _ in 0..200 {
            let port = Self::FIRST + rand::random_range(0..Self::COUNT);
            if let Some(lock) = reserve(&folder, port)?
                && is_free(port)
            {
                return Ok(Self { port, _lock: lock });
            }
        }
        bail!("no free port between {} and {}", Self::FIRST, Self::FIRST + Self::COUNT)
    }

    /// Takes two ports that are free now, the second after the first.
    fn pair() -> Result<[Self; 2]> {
        let folder = Self::folder();
        for _ in 0..200 {
            let first = Self::take()?;
            let port = first.port + 1;
            if let Some(lock) = reserve(&folder, port)?
                && is_free(port)
            {
                return Ok([first, Self { port, _lock: lock }]);
            }
        }
        bail!("no two free ports between {} and {}", Self::FIRST, Self::FIRST + Self::COUNT)
    }

    fn folder() -> PathBuf {
        std::env::temp_dir().join(format!("vitrine-ports-{}", rustix::process::getuid().as_raw()))
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

fn reserve(folder: &Path, port: u16) -> Result<Option<File>> {
    let path = folder.join(port.to_string());
    let file = lock::open(&path).with_context(|| format!("opening {}", path.display()))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// Tells whether a port on 127.0.0.1 can be listened on.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Names the process that listens on a port, as far as this user may see it.
pub fn holder(port: u16) -> Option<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
    let sockets: HashSet<String> = tables.iter().flat_map(|table| listeners(table, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let found = processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    found.into_iter().find_map(|entry| {
        let files = fs::read_dir(entry.path().join("fd")).ok()?.flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        targets.find(|target| sockets.contains(target.to_string_lossy().as_ref()))?;
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        Some(format!("process {} ({})", entry.file_name().to_string_lossy(), name.trim()))
    })
}

/// The sockets (as `/proc/<pid>/fd` shows them) that listen on a port, out of the kernel's table.
fn listeners(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let rows = table.lines().skip(1).map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(3) == Some(&LISTEN))
        .filter(|row| row.get(1).is_some_and(|local| local.ends_with(&format!(":{port:04X}"))))
        .filter_map(|row| row.get(9).map(|inode| format!("socket:[{inode}]")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Ports, Reserved, holder, is_free, listeners};
    use std::net::TcpListener;

    #[test]
    fn plans_follow_their_base() {
        assert_eq!((Ports::at(17_000).postgres, Ports::at(18_000).amqp), (17_432, 18_672));
    }

    #[test]
    fn ports_are_chosen_once() {
        let folder = std::env::temp_dir().join(format!("vitrine-chosen-{}", std::process::id()));
        let held = Reserved::take().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", held.port())).unwrap();
        let first = Ports::chosen_once(&folder, held.port() - 432).unwrap();
        assert_ne!(first.postgres, held.port(), "a taken port is not chosen");
        drop(listener);
        assert_eq!(Ports::chosen_once(&folder, held.port() - 432).unwrap(), first);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn reserved_ports_differ() {
        let (one, two) = (Reserved::take().unwrap(), Reserved::take().unwrap());
        assert_ne!(one.port(), two.port());
        assert!(is_free(one.port()));
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        let name = holder(port).unwrap();
        assert!(name.contains(&std::process::id().to_string()), "{name}");
    }

    #[test]
    fn only_listening_sockets_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:4418 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1\n\
             1: 0100007F:4418 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4243 1\n";
        assert_eq!(listeners(table, 0x4418), ["socket:[4242]"]);
    }
}
