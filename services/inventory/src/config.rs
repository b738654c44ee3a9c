//! What inventory is configured with, its defaults, and what is refused before any port opens.

use chassis::config::{Amqp, Postgres};
use chrono::TimeDelta;
use garde::Validate;
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// The database. Its connections are for requests; commands and events have some of their own.
    pub postgres: Postgres,
    pub amqp: Amqp,
    #[serde(default)]
    #[garde(dive)]
    pub reservations: Reservations,
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Reservations {
    /// After how long an unconfirmed reservation expires, in seconds.
    #[garde(range(min = 1, max = 604_800))]
    pub expire_after_seconds: u32,
    /// How often is looked for such, in milliseconds.
    #[garde(range(min = 50, max = 600_000))]
    pub sweep_every_ms: u32,
}

impl Default for Reservations {
    fn default() -> Self {
        Self { expire_after_seconds: 30 * 60, sweep_every_ms: 5_000 }
    }
}

impl Reservations {
    #[must_use]
    pub fn life(&self) -> TimeDelta {
        TimeDelta::seconds(self.expire_after_seconds.into())
    }

    #[must_use]
    pub fn sweep_every(&self) -> Duration {
        Duration::from_millis(self.sweep_every_ms.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn refusal(reservations: &Value) -> String {
        let config = json!({
            "postgres": {"url": "postgres://inventory@localhost/inventory"},
            "amqp": {"url": "amqp://localhost"},
            "reservations": reservations,
        });
        let config: Config = serde_json::from_value(config).unwrap();
        config.validate().err().map(|report| report.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_valid_and_half_an_hour() {
        assert_eq!(refusal(&json!({})), "");
        assert_eq!(Reservations::default().life(), TimeDelta::minutes(30));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for field in ["expire_after_seconds", "sweep_every_ms"] {
            let refusal = refusal(&json!({ field: 0 }));
            assert!(refusal.contains(field), "{refusal}");
        }
    }
}
