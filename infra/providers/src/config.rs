//! What the providers are configured with.

use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::PathBuf;

/// The whole configuration, beyond what every unit has.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// Opens the API, and signs webhooks.
    pub secret: SecretString,
    /// Where charges and refunds are kept.
    pub ledger: Ledger,
    /// Where outcomes are told.
    #[serde(default)]
    #[garde(dive)]
    pub webhooks: Webhooks,
    /// What goes wrong.
    #[serde(default)]
    pub faults: Faults,
}

/// Where charges and refunds are kept.
#[derive(Debug, Clone, Deserialize)]
pub struct Ledger {
    /// The folder, made when it is not there.
    pub directory: PathBuf,
}

/// Where outcomes are told.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Webhooks {
    /// The address that is told. Nobody is when it is absent.
    pub url: Option<String>,
    /// How often an outcome is told to somebody who does not answer 2xx.
    #[garde(range(min = 1, max = 100))]
    pub attempts: u32,
    /// The pause after the first attempt, in milliseconds. It doubles after each.
    #[garde(range(min = 1, max = 60_000))]
    pub first_pause_ms: u64,
    /// The longest pause, in milliseconds.
    #[garde(range(min = 1, max = 3_600_000))]
    pub longest_pause_ms: u64,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { url: None, attempts: 15, first_pause_ms: 200, longest_pause_ms: 30_000 }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Faults {
    /// The seed of chance, until other faults are switched on with a seed of their own.
    pub seed: u64,
}
