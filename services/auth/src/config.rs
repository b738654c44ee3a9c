//! What auth is configured with, its defaults, and what is refused before any port opens.

use crate::domain::{Email, Password};
use chassis::config::{Amqp, Postgres};
use chrono::TimeDelta;
use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The whole configuration, beyond what every unit has.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    pub postgres: Postgres,
    pub amqp: Amqp,
    #[garde(dive)]
    pub keys: Keys,
    #[serde(default)]
    #[garde(dive)]
    pub tokens: Tokens,
    #[serde(default)]
    #[garde(dive)]
    pub passwords: Passwords,
    #[serde(default)]
    #[garde(dive)]
    pub limits: Limits,
    /// The services that get access tokens of their own, by name: 1 to 63 lower-case letters, digits and hyphens.
    #[serde(default)]
    #[garde(dive, custom(service_names))]
    pub services: BTreeMap<String, ServiceSecrets>,
    /// An operator to be made at start, unless the e-mail has an account already.
    #[garde(dive)]
    pub bootstrap_operator: Option<BootstrapOperator>,
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Keys {
    /// Seals private keys at rest: 32 random bytes in base64.
    #[garde(custom(sealing::config::key))]
    pub encryption_key: SecretString,
    /// The one before, still able to open keys that were sealed with it.
    #[serde(default)]
    #[garde(inner(custom(sealing::config::key)))]
    pub previous_encryption_key: Option<SecretString>,
    /// After how long a key gets a successor, in hours.
    #[serde(default = "thirty_days")]
    #[garde(range(min = 1, max = 8_760))]
    pub rotate_after_hours: u32,
    /// How long a key is published before it signs, in seconds. Longer than verifiers cache the
    /// key set (five minutes), so that no verifier meets an unknown key.
    #[serde(default = "six_minutes")]
    #[garde(range(max = 86_400))]
    pub publish_ahead_seconds: u32,
    /// How often each process reads the keys again, in seconds.
    #[serde(default = "thirty")]
    #[garde(range(min = 1, max = 60))]
    pub reload_seconds: u32,
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Tokens {
    /// The life of an access token, in seconds.
    #[garde(range(min = 60, max = 3_600))]
    pub access_seconds: u32,
    /// The life of a service's access token, in seconds.
    #[garde(range(min = 60, max = 3_600))]
    pub service_seconds: u32,
    /// The life of a refresh token, in hours: after so long without use, a session ends.
    #[garde(range(min = 1, max = 8_760))]
    pub refresh_hours: u32,
}

/// How passwords are hashed: Argon2id with one lane.
#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Passwords {
    /// The memory of one hash, in KiB. OWASP's least with two passes is 19 MiB.
    #[garde(range(min = 19_456, max = 1_048_576))]
    pub memory_kib: u32,
    /// The passes over that memory.
    #[garde(range(min = 2, max = 16))]
    pub passes: u32,
    /// How many are computed at once; as many as there are processors when absent.
    #[garde(inner(range(min = 1, max = 256)))]
    pub at_once: Option<usize>,
    /// How many requests may wait for their turn; one more is answered 503 at once.
    #[garde(range(max = 10_000))]
    pub waiting: usize,
    /// How many of one address or user may wait or be computed, so that one caller cannot take all places.
    #[garde(range(min = 1, max = 10_000))]
    pub per_caller: usize,
}

/// How often may be tried. A limit of `attempts` in `seconds` lets so many through at once, and
/// then one each time that `seconds / attempts` have passed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Limits {
    /// Log-ins by one address to accounts that nobody logged in to from there.
    #[garde(dive)]
    pub login_per_address: Limit,
    /// Failed log-ins to one account, existing or not, from one address.
    #[garde(dive)]
    pub login_per_pair: Limit,
    /// Log-ins to one account from all addresses that are strange to it. More of them lock nobody out: they mean that
    /// the account is being guessed.
    #[garde(dive)]
    pub strangers_per_account: Limit,
    /// Failed log-ins to an account that is being guessed, from one address that is strange to it.
    #[garde(dive)]
    pub guessed_per_pair: Limit,
    /// Wrong passwords in one session, where signed-in users prove once more who they are.
    #[garde(dive)]
    pub proof_per_session: Limit,
    /// Wrong secrets for one service, existing or not, from one address.
    #[garde(dive)]
    pub service_per_pair: Limit,
    #[garde(dive)]
    pub register_per_address: Limit,
    /// Registrations with one e-mail.
    #[garde(dive)]
    pub register_per_account: Limit,
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
pub struct Limit {
    #[garde(range(min = 1, max = 10_000_000))]
    pub attempts: u32,
    /// In how many seconds.
    #[garde(range(min = 1, max = 604_800))]
    pub seconds: u32,
}

/// What a service is known by. Two secrets are good at once, so that one can be replaced while the service runs.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ServiceSecrets {
    /// SHA-256 of the secret, in hexadecimal. The secret itself has at least 128 random bits.
    #[garde(custom(hex_digest))]
    pub sha256: String,
    /// The same of the secret before.
    #[garde(inner(custom(hex_digest)))]
    pub previous_sha256: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct BootstrapOperator {
    /// The e-mail. Start-up fails when it belongs to an account that is no operator's.
    #[garde(custom(email_address))]
    pub email: String,
    /// The password of the new account. One that exists keeps its own.
    #[garde(custom(operator_password(&self.email)))]
    pub password: SecretString,
}

impl Keys {
    pub fn reload(&self) -> Duration {
        Duration::from_secs(self.reload_seconds.into())
    }
}

impl Default for Tokens {
    fn default() -> Self {
        Self { access_seconds: 900, service_seconds: 600, refresh_hours: 24 * 30 }
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, at_once: None, waiting: 64, per_caller: 16 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            login_per_address: Limit { attempts: 60, seconds: 300 },
            login_per_pair: Limit { attempts: 10, seconds: 300 },
            strangers_per_account: Limit { attempts: 100, seconds: 3_600 },
            guessed_per_pair: Limit { attempts: 3, seconds: 3_600 },
            proof_per_session: Limit { attempts: 10, seconds: 300 },
            service_per_pair: Limit { attempts: 10, seconds: 300 },
            register_per_address: Limit { attempts: 20, seconds: 3_600 },
            register_per_account: Limit { attempts: 5, seconds: 3_600 },
        }
    }
}

impl Tokens {
    pub fn access(&self) -> TimeDelta {
        TimeDelta::seconds(self.access_seconds.into())
    }

    pub fn longest(&self) -> TimeDelta {
        TimeDelta::seconds(self.access_seconds.max(self.service_seconds).into())
    }

    pub fn refresh(&self) -> TimeDelta {
        TimeDelta::hours(self.refresh_hours.into())
    }
}

fn thirty_days() -> u32 {
    24 * 30
}

fn six_minutes() -> u32 {
    360
}

fn thirty() -> u32 {
    30
}

fn service_names(services: &BTreeMap<String, ServiceSecrets>, (): &()) -> garde::Result {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_name = |name: &str| (1..=63).contains(&name.len()) && name.bytes().all(fits);
    if services.keys().all(|name| is_name(name)) {
        Ok(())
    } else {
        Err(garde::Error::new("has a name that is not of a-z, 0-9 and hyphens"))
    }
}

fn hex_digest(text: &str, (): &()) -> garde::Result {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if is_digest {
        Ok(())
    } else {
        Err(garde::Error::new("must be 64 lower-case hexadecimal digits, as `sha256sum` prints"))
    }
}

fn email_address(text: &str, (): &()) -> garde::Result {
    Email::parse(text).map(drop).map_err(garde::Error::new)
}

fn operator_password(email: &str) -> impl FnOnce(&SecretString, &()) -> garde::Result + '_ {
    move |text, ()| match Email::parse(email) {
        Ok(email) => Password::parse(text.clone(), &email).map(drop).map_err(garde::Error::new),
        // The e-mail is refused by its own rule.
        Err(_) => Ok(()),
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
            "postgres": {"url": "postgres://auth@localhost/auth"},
            "amqp": {"url": "amqp://localhost"},
            "keys": {"encryption_key": STANDARD.encode([7; 32])},
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
            (json!({"keys": {"encryption_key": "short-secret"}}), "keys.encryption_key"),
            (json!({"passwords": {"memory_kib": 1024}}), "passwords.memory_kib"),
            (json!({"services": {"orders": {"sha256": "short-secret"}}}), "sha256"),
            (json!({"services": {"a:b": {"sha256": "0".repeat(64)}}}), "services"),
            (json!({"limits": {"login_per_pair": {"attempts": 0, "seconds": 1}}}), "attempts"),
            (
                json!({"bootstrap_operator": {"email": "nobody", "password": "secret-enough-1"}}),
                "bootstrap_operator.email",
            ),
            (
                json!({"bootstrap_operator": {"email": "op@vitrine.dev", "password": "short-secret"[..5]}}),
                "bootstrap_operator.password",
            ),
        ] {
            let refusal = refusal(&changed);
            assert!(refusal.contains(field), "{field}: {refusal}");
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
