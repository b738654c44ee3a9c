//! What analytics is configured with.

use chassis::config::Amqp;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    #[garde(dive)]
    pub clickhouse: Clickhouse,
    pub amqp: Amqp,
    #[garde(dive)]
    #[serde(default)]
    pub ingest: Ingest,
}

/// A ClickHouse database, reached over HTTP.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Clickhouse {
    /// `http://host:port`.
    pub url: url::Url,
    #[garde(length(min = 1))]
    pub database: String,
    #[garde(length(min = 1))]
    pub user: String,
    pub password: SecretString,
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Ingest {
    /// How many clicks a block holds before no further batch is added to it.
    #[garde(range(min = 1, max = 1_000_000))]
    pub block_rows: usize,
    /// How long a block is gathered while clicks flow, in milliseconds. After a pause the first
    /// clicks are stored ten times quicker.
    #[garde(range(min = 1, max = 60_000))]
    pub block_ms: u64,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { block_rows: 50_000, block_ms: 500 }
    }
}

impl Ingest {
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.block_ms)
    }
}
