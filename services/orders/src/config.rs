//! What orders is configured with, its defaults, and what is refused before any port opens.

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
    pub customers: Customers,
    #[serde(default)]
    #[garde(dive)]
    pub checkout: Checkout,
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Customers {
    /// Wraps the customers' data keys: 32 random bytes in base64.
    #[garde(custom(sealing::config::key))]
    pub encryption_key: SecretString,
    /// The one before, still able to open keys that were wrapped with it.
    #[serde(default)]
    #[garde(inner(custom(sealing::config::key)))]
    pub previous_encryption_key: Option<SecretString>,
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Checkout {
    /// How long one attempt to reserve stock may take, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub reserve_seconds: u32,
    /// How long one attempt to charge the payment may take, in seconds.
    #[garde(range(min = 1, max = 3_600))]
    pub charge_seconds: u32,
    /// How many attempts at each.
    #[garde(range(min = 1, max = 100))]
    pub tries: u32,
    /// How long all of it may take, in seconds.
    #[garde(range(min = 1, max = 86_400))]
    pub deadline_seconds: u32,
}

impl Default for Checkout {
    fn default() -> Self {
        Self { reserve_seconds: 10, charge_seconds: 20, tries: 3, deadline_seconds: 15 * 60 }
    }
}

impl Checkout {
    #[must_use]
    pub fn reserve(&self) -> Duration {
        Duration::from_secs(self.reserve_seconds.into())
    }

    #[must_use]
    pub fn charge(&self) -> Duration {
        Duration::from_secs(self.charge_seconds.into())
    }

    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::{Value, json};

    fn refusal(changed: &Value) -> String {
        let mut config = json!({
            "postgres": {"url": "postgres://orders@localhost/orders"},
            "amqp": {"url": "amqp://localhost"},
            "customers": {"encryption_key": STANDARD.encode([7; 32])},
        });
        for (key, value) in changed.as_object().unwrap() {
            config[key] = value.clone();
        }
        let config: Config = serde_json::from_value(config).unwrap();
        config.validate().err().map(|report| report.to_string()).unwrap_or_default()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(refusal(&json!({})), "");
    }

    #[test]
    fn what_is_wrong_is_named_and_its_value_is_not_shown() {
        for (changed, field) in [
            (json!({"customers": {"encryption_key": "short-secret"}}), "customers.encryption_key"),
            (json!({"checkout": {"tries": 0}}), "checkout.tries"),
            (json!({"checkout": {"deadline_seconds": 0}}), "checkout.deadline_seconds"),
        ] {
            let refusal = refusal(&changed);
            assert!(refusal.contains(field), "{field}: {refusal}");
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
