//! The environment of a unit: its logins, its own address and those of its neighbours.
//!
//! One builder for `cargo dev up` and for the tests, so that a setting that is missing here is missing in both.
//! Names follow the chassis: `<UNIT>_<SECTION>__<KEY>`.

use crate::provision::Logins;
use crate::{engines, secrets, units};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

pub type Environment = BTreeMap<String, String>;

/// Where the units listen, by name; operators' listeners under `<unit>/operators`.
pub type Listeners = BTreeMap<String, SocketAddr>;

/// The operator that auth creates when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// E-mail address to log in with.
    pub email: String,
    pub password: String,
}

/// What the environment of every unit is made from.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// Addresses of the units; a unit that is not listed gets a free port and no neighbour finds it.
    pub listeners: Listeners,
    pub operator: Operator,
    /// The key under which auth seals its signing keys: 32 bytes in base64.
    pub sealing_key: String,
    /// The key under which orders wraps its customers' data keys: 32 bytes in base64.
    pub customers_key: String,
    /// The secrets by which auth knows the other services, by their names.
    pub service_secrets: BTreeMap<String, String>,
    /// What payments and the payment provider share: signs webhooks and opens the provider's API.
    pub provider_secret: String,
    /// A folder for what units keep on disk, such as the spool of clicks.
    pub state: PathBuf,
}

impl Wiring {
    pub fn of(&self, unit: &str, logins: &Logins) -> Environment {
        let mut variables = Variables::new(unit);
        variables.set("HTTP__BIND", self.bind(unit));
        variables.set("LOG__FORMAT", "text");
        variables.set("LOG__FILTER", "info");
        if let Some(auth) = self.url("auth") {
            variables.set("JWT__JWKS_URL", format!("{auth}/.well-known/jwks.json"));
        }
        if let Some(secret) = self.service_secrets.get(unit) {
            variables.set("IDENTITY__SECRET", secret.as_str());
            if let Some(auth) = self.url("auth") {
                variables.set("IDENTITY__TOKEN_URL", format!("{auth}/oauth2/token"));
            }
        }
        variables.stores(logins);
        self.specific(unit, &mut variables);
        variables.all
    }

    /// What only one unit reads.
    fn specific(&self, unit: &str, variables: &mut Variables) {
        match unit {
            "auth" => {
                variables.set("KEYS__ENCRYPTION_KEY", self.sealing_key.as_str());
                variables.set("BOOTSTRAP_OPERATOR__EMAIL", self.operator.email.as_str());
                variables.set("BOOTSTRAP_OPERATOR__PASSWORD", self.operator.password.as_str());
                for (service, secret) in &self.service_secrets {
                    let name = format!("SERVICES__{}__SHA256", service.to_uppercase());
                    variables.set(&name, secrets::sha256(secret));
                }
                // Tests and demonstrations all come from one address.
                for limit in ["LOGIN_PER_ADDRESS", "REGISTER_PER_ADDRESS"] {
                    variables.set(&format!("LIMITS__{limit}__ATTEMPTS"), "100000");
                    variables.set(&format!("LIMITS__{limit}__SECONDS"), "60");
                }
            }
            "shortener" => {
                variables.set("SPOOL__DIRECTORY", self.state.join("spool").display().to_string());
                if let Some(gateway) = self.url("gateway") {
                    variables.set("LINKS__PUBLIC_URL", format!("{gateway}/r"));
                }
            }
            "orders" => variables.set("CUSTOMERS__ENCRYPTION_KEY", self.customers_key.as_str()),
            "payments" => {
                variables.set("PROVIDER__SECRET", self.provider_secret.as_str());
                if let Some(providers) = self.url("providers") {
                    variables.set("PROVIDER__URL", providers);
                }
            }
            "providers" => {
                variables.set("SECRET", self.provider_secret.as_str());
                variables.set("LEDGER__DIRECTORY", self.state.join("providers").display().to_string());
                if let Some(payments) = self.url("payments") {
                    variables.set("WEBHOOKS__URL", format!("{payments}/v1/webhooks/provider"));
                }
            }
            "gateway" => {
                if engines::graphiql().is_dir() {
                    variables.set("GRAPHQL__GRAPHIQL", engines::graphiql().display().to_string());
                }
                variables.set("OPERATORS__BIND", self.bind("gateway/operators"));
                for upstream in units::services() {
                    if let Some(url) = self.url(upstream) {
                        variables.set(&format!("UPSTREAMS__{}__URL", upstream.to_uppercase()), url);
                    }
                }
            }
            _ => {}
        }
    }

    fn bind(&self, listener: &str) -> String {
        self.listeners.get(listener).map_or_else(|| "127.0.0.1:0".to_owned(), SocketAddr::to_string)
    }

    fn url(&self, unit: &str) -> Option<String> {
        self.listeners.get(unit).map(|address| format!("http://{address}"))
    }
}

struct Variables {
    prefix: String,
    all: Environment,
}

impl Variables {
    fn new(unit: &str) -> Self {
        Self { prefix: unit.to_uppercase().replace('-', "_"), all: Environment::new() }
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.all.insert(format!("{}_{name}", self.prefix), value.into());
    }

    fn stores(&mut self, logins: &Logins) {
        if let Some(url) = &logins.postgres {
            self.set("POSTGRES__URL", url.as_str());
        }
        if let Some(mongo) = &logins.mongo {
            self.set("MONGO__URL", mongo.url.as_str());
            self.set("MONGO__DATABASE", mongo.database.as_str());
        }
        if let Some(redis) = &logins.redis {
            self.set("REDIS__URL", redis.url.as_str());
            self.set("REDIS__PREFIX", redis.prefix.as_str());
        }
        if let Some(limits) = &logins.limits {
            self.set("LIMITS__REDIS__URL", limits.url.as_str());
            self.set("LIMITS__REDIS__PREFIX", limits.prefix.as_str());
        }
        if let Some(url) = &logins.amqp {
            self.set("AMQP__URL", url.as_str());
        }
        if let Some(clickhouse) = &logins.clickhouse {
            self.set("CLICKHOUSE__URL", clickhouse.url.as_str());
            self.set("CLICKHOUSE__DATABASE", clickhouse.database.as_str());
            self.set("CLICKHOUSE__USER", clickhouse.user.as_str());
            self.set("CLICKHOUSE__PASSWORD", clickhouse.password.as_str());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Operator, Wiring};
    use crate::provision::{Logins, RedisLogin};

    fn wiring() -> Wiring {
        let listeners = [("auth", 3002), ("gateway", 8080), ("gateway/operators", 8081)];
        Wiring {
            listeners: listeners.map(|(name, port)| (name.to_owned(), ([127, 0, 0, 1], port).into())).into(),
            operator: Operator { email: "op@example.com".to_owned(), password: "secret".to_owned() },
            sealing_key: "c2VhbGluZw==".to_owned(),
            customers_key: "Y3VzdG9tZXJz".to_owned(),
            service_secrets: [("orders".to_owned(), "orders' secret".to_owned())].into(),
            provider_secret: "shared".to_owned(),
            state: "/tmp/state".into(),
        }
    }

    #[test]
    fn the_gateway_finds_its_neighbours() {
        let login = RedisLogin { url: "redis://gateway".to_owned(), prefix: "gateway:".to_owned() };
        let environment = wiring().of("gateway", &Logins { redis: Some(login), ..Logins::default() });
        assert_eq!(environment["GATEWAY_HTTP__BIND"], "127.0.0.1:8080");
        assert_eq!(environment["GATEWAY_OPERATORS__BIND"], "127.0.0.1:8081");
        assert_eq!(environment["GATEWAY_UPSTREAMS__AUTH__URL"], "http://127.0.0.1:3002");
        assert_eq!(environment["GATEWAY_REDIS__PREFIX"], "gateway:");
        assert!(!environment.contains_key("GATEWAY_UPSTREAMS__ANALYTICS__URL"));
    }

    #[test]
    fn only_auth_learns_the_operator_and_its_key() {
        let with = |unit| {
            wiring().of(unit, &Logins::default()).values().any(|value| value == "secret" || value == "c2VhbGluZw==")
        };
        assert!(with("auth") && !with("shortener") && !with("gateway"));
    }

    #[test]
    fn a_service_has_its_own_secret_and_auth_its_digest_alone() {
        let [auth, orders, shortener] =
            ["auth", "orders", "shortener"].map(|unit| wiring().of(unit, &Logins::default()));
        assert_eq!(orders["ORDERS_IDENTITY__SECRET"], "orders' secret");
        assert_eq!(orders["ORDERS_IDENTITY__TOKEN_URL"], "http://127.0.0.1:3002/oauth2/token");
        let digest = "adae8ab6904d4091d6c0c9ebf0c42a578fc0b5bd0991504f52294e6720fffa52";
        assert_eq!(auth["AUTH_SERVICES__ORDERS__SHA256"], digest);
        for environment in [auth, shortener] {
            assert!(!environment.values().any(|value| value == "orders' secret"));
        }
    }

    #[test]
    fn a_unit_without_an_address_takes_a_free_port() {
        let environment = wiring().of("shortener", &Logins::default());
        assert_eq!(environment["SHORTENER_HTTP__BIND"], "127.0.0.1:0");
        assert_eq!(environment["SHORTENER_LINKS__PUBLIC_URL"], "http://127.0.0.1:8080/r");
    }
}
