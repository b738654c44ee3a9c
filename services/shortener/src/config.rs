//! What shortener is configured with, beyond what every unit is.

use crate::domain::TargetPolicy;
use chassis::config::{Amqp, Mongo, Redis};
use garde::Validate;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// The configuration of shortener.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// Where links are kept.
    pub mongo: Mongo,
    /// Where lookups are shared between instances.
    pub redis: Redis,
    /// Where events and clicks go.
    pub amqp: Amqp,
    #[serde(default)]
    pub links: Links,
    /// The clicks that are not shipped yet.
    #[garde(dive)]
    pub spool: Spool,
    /// The lookup of codes.
    #[serde(default)]
    #[garde(dive)]
    pub cache: Cache,
    /// Where countries of addresses are looked up.
    #[serde(default)]
    pub geoip: Geoip,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Links {
    /// What short addresses begin with, for example `https://v.example`; the code follows after a `/`.
    pub public_url: Url,
    /// Further hosts that are ours (`host` or `host:port`), which links may not lead to.
    pub own_hosts: Vec<String>,
    /// Whether links may lead to private and loopback hosts.
    pub allow_private: bool,
}

impl Default for Links {
    fn default() -> Self {
        let public_url = Url::parse("http://127.0.0.1:8080/r").expect("the default is a URL");
        Self { public_url, own_hosts: Vec::new(), allow_private: false }
    }
}

impl Links {
    /// Which targets links may have. A public address with a port of its own stands for that port
    /// alone: other ports of the machine may be somebody else's.
    pub fn policy(&self) -> TargetPolicy {
        let host = self.public_url.host().map(|host| host.to_string()).unwrap_or_default();
        let own = self.public_url.port().map_or(host.clone(), |port| format!("{host}:{port}"));
        let all = self.own_hosts.iter().map(String::as_str).chain([own.as_str()]);
        TargetPolicy::new(all, self.allow_private)
    }
}

/// The spool. See `docs/adr/0006-click-spool.md`.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Spool {
    /// Where it is; this process's alone, and there again after a restart.
    pub directory: PathBuf,
    /// How large a segment may grow, in bytes.
    #[serde(default = "segment_bytes")]
    #[garde(range(min = 4_096, max = 1_073_741_824))]
    pub segment_bytes: u64,
    /// How large all segments may grow; beyond, redirects answer 503. At least two segments:
    /// the one that is written to is never deleted.
    #[serde(default = "max_bytes")]
    #[garde(custom(two_segments(&self.segment_bytes)))]
    pub max_bytes: u64,
    /// The longest time until a click is safe from a power failure, and the delay of shipping.
    #[serde(default = "sync_interval_ms")]
    #[garde(range(min = 1, max = 60_000))]
    pub sync_interval_ms: u64,
}

fn two_segments(segment_bytes: &u64) -> impl FnOnce(&u64, &()) -> garde::Result {
    let least = segment_bytes.saturating_mul(2);
    move |max_bytes, ()| {
        if *max_bytes >= least {
            return Ok(());
        }
        Err(garde::Error::new(format!("must be at least {least}, twice segment_bytes")))
    }
}

fn segment_bytes() -> u64 {
    8 * 1024 * 1024
}

fn max_bytes() -> u64 {
    1024 * 1024 * 1024
}

fn sync_interval_ms() -> u64 {
    200
}

impl Spool {
    /// The time between two syncs to disk.
    pub fn sync_interval(&self) -> Duration {
        Duration::from_millis(self.sync_interval_ms)
    }
}

/// The lookup of codes. See `docs/adr/0007-code-lookup.md`.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Cache {
    /// How much memory the process's cache may take, in bytes.
    #[garde(range(min = 65_536))]
    pub bytes: u64,
    /// How long an answer is taken from the process's memory, in milliseconds.
    #[garde(range(min = 1, max = 30_000))]
    pub fresh_ms: u64,
    /// How long it is remembered that a code does not exist, in milliseconds.
    #[garde(range(min = 1, max = 30_000))]
    pub unknown_ms: u64,
    /// How long an answer is kept for when the stores are away, in seconds.
    #[garde(range(min = 1, max = 604_800))]
    pub stale_s: u64,
    /// How long an answer stays in Redis, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub shared_s: u64,
    /// How long a lookup may take, in milliseconds.
    #[garde(range(min = 10, max = 10_000))]
    pub limit_ms: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            bytes: 32 * 1024 * 1024,
            fresh_ms: 30_000,
            unknown_ms: 5_000,
            stale_s: 86_400,
            shared_s: 300,
            limit_ms: 1_000,
        }
    }
}

/// Where countries of addresses are looked up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Geoip {
    /// A MaxMind database of countries or cities. Clicks have no country when absent.
    pub file: Option<PathBuf>,
}
