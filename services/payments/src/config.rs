//! What payments is configured with.

use chassis::config::{Amqp, Postgres};
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    pub postgres: Postgres,
    pub amqp: Amqp,
    #[garde(dive)]
    pub provider: Provider,
    /// The workers that call it.
    #[serde(default)]
    #[garde(dive)]
    pub worker: Worker,
    #[serde(default)]
    #[garde(dive)]
    pub webhooks: Webhooks,
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Provider {
    /// Where it is, without a path.
    #[garde(custom(base_url))]
    pub url: String,
    /// Opens its API, and verifies its webhooks.
    pub secret: SecretString,
    /// How long one call may take, in milliseconds.
    #[serde(default = "two_seconds")]
    #[garde(range(min = 10, max = 60_000))]
    pub timeout_ms: u64,
    /// How long the breaker stays open the first time, in milliseconds. It doubles with each opening in a row.
    #[serde(default = "two_seconds")]
    #[garde(range(min = 10, max = 60_000))]
    pub breaker_open_ms: u64,
    /// The longest that it stays open, in milliseconds.
    #[serde(default = "half_a_minute")]
    #[garde(range(min = 10, max = 600_000))]
    pub breaker_open_longest_ms: u64,
}

fn two_seconds() -> u64 {
    2_000
}

fn half_a_minute() -> u64 {
    30_000
}

// The signature is garde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn base_url(url: &str, (): &()) -> garde::Result {
    let good = url.parse::<reqwest::Url>().is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if good { Ok(()) } else { Err(garde::Error::new("must be an http or https URL")) }
}

impl Provider {
    /// How long one call may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// The workers that call the provider.
#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Worker {
    /// How many calls one process makes at once.
    #[garde(range(min = 1, max = 1_000))]
    pub at_once: u32,
    /// After how long another worker takes over what one has claimed, in milliseconds: longer than asking and
    /// calling may take together.
    #[garde(range(min = 100, max = 600_000))]
    pub lease_ms: u64,
    /// How often is looked for what nobody was woken for, in milliseconds.
    #[garde(range(min = 10, max = 60_000))]
    pub sweep_ms: u64,
    /// The pause before a call is made again, in milliseconds. It doubles with every try.
    #[garde(range(min = 1, max = 60_000))]
    pub first_pause_ms: u64,
    /// The longest pause, in milliseconds.
    #[garde(range(min = 1, max = 3_600_000))]
    pub longest_pause_ms: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self { at_once: 32, lease_ms: 10_000, sweep_ms: 500, first_pause_ms: 100, longest_pause_ms: 30_000 }
    }
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Webhooks {
    /// How old, or how far ahead of our clock, a webhook may be, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub tolerance_seconds: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { tolerance_seconds: 300 }
    }
}
