//! What every unit is configured with. Defaults, then a TOML file, then the environment; validated before any port opens.

use garde::Validate;
use secrecy::SecretString;
use serde::Deserialize;
use std::net::SocketAddr;
use std::time::Duration;

/// What every unit is configured with, whatever it does.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
#[derive(Default)]
pub struct Common {
    /// The HTTP server.
    #[garde(dive)]
    pub http: Http,
    /// The log.
    pub log: Log,
    /// Where traces are exported to.
    pub otlp: Otlp,
    /// How access tokens are verified.
    pub jwt: Jwt,
    /// How the unit proves to other services who it is, if it calls any.
    pub identity: Option<Identity>,
    /// How the unit ends.
    pub shutdown: Shutdown,
}

/// The HTTP server.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Http {
    /// The address to listen on. Every service has its own default port.
    pub bind: Option<SocketAddr>,
    /// The largest body that is read, in bytes.
    #[garde(range(min = 1_024, max = 268_435_456))]
    pub body_limit: usize,
    /// How long a request may take, in milliseconds. Units have defaults of their own: see [`contracts::patience`].
    #[garde(inner(range(min = 10, max = 600_000)))]
    pub request_timeout_ms: Option<u64>,
    /// Addresses whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// What a client may cost.
    #[garde(dive)]
    pub clients: Clients,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            bind: None,
            body_limit: 1024 * 1024,
            request_timeout_ms: None,
            trusted_proxies: vec![std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()],
            clients: Clients::default(),
        }
    }
}

impl Http {
    /// How long a request may take.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout_ms.map_or(contracts::patience::REQUEST, Duration::from_millis)
    }
}

/// What a client may cost, at each address that the unit listens on.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Clients {
    /// How many connections may be open.
    #[garde(range(min = 1, max = 1_000_000))]
    pub connections: usize,
    /// How many connections one address may have open (of IPv6, one /64). Trusted proxies may have all.
    #[garde(range(min = 1, max = 1_000_000))]
    pub connections_per_address: usize,
    /// How long a connection may be without a request, in milliseconds: silent, idle, or with half of a header. It must
    /// be longer than [`crate::client`] keeps idle connections.
    #[garde(range(min = 10, max = 600_000))]
    pub idle_ms: u64,
    /// How long a request's body may take to come, in milliseconds, whatever its size.
    #[garde(range(min = 10, max = 600_000))]
    pub body_ms: u64,
    /// At how many bytes a second a longer body must come.
    #[garde(range(min = 1, max = 1_000_000_000))]
    pub body_bytes_per_second: u64,
    /// How long a client may take nothing of its answer, in milliseconds.
    #[garde(range(min = 10, max = 600_000))]
    pub stalled_ms: u64,
    /// How long a connection without a request is still served after the unit was told to end, in milliseconds.
    #[garde(range(min = 0, max = 60_000))]
    pub farewell_ms: u64,
}

impl Default for Clients {
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_per_address: 256,
            idle_ms: 15_000,
            body_ms: 5_000,
            body_bytes_per_second: 16 * 1024,
            stalled_ms: 30_000,
            farewell_ms: 250,
        }
    }
}

/// The log.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Log {
    /// Which events are logged, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
    /// JSON for machines, text for people.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Json }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// One readable line.
    Text,
}

/// Where traces are exported to.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Otlp {
    /// The base URL of an OTLP/HTTP collector, for example `http://localhost:4318`. No export when absent.
    pub endpoint: Option<url::Url>,
}

/// How access tokens are verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Jwt {
    /// Where the issuer publishes its keys.
    pub jwks_url: url::Url,
    /// The `iss` that tokens must have.
    pub issuer: String,
    /// The `aud` that tokens must have.
    pub audience: String,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            jwks_url: url::Url::parse("http://127.0.0.1:3002/.well-known/jwks.json").expect("the default is a URL"),
            issuer: "https://vitrine.local/auth".to_owned(),
            audience: "vitrine".to_owned(),
        }
    }
}

impl Jwt {
    /// The `aud` that services' tokens must have: another one than users' have.
    #[must_use]
    pub fn service_audience(&self) -> String {
        format!("{}:services", self.audience)
    }
}

/// How a unit proves to other services who it is.
#[derive(Debug, Clone, Deserialize)]
pub struct Identity {
    /// Where the issuer gives access tokens to services.
    #[serde(default = "token_url")]
    pub token_url: url::Url,
    /// What the issuer knows the unit by.
    pub secret: SecretString,
}

fn token_url() -> url::Url {
    url::Url::parse("http://127.0.0.1:3002/oauth2/token").expect("the default is a URL")
}

/// How the unit ends.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Shutdown {
    /// How long requests and tasks under way may go on, in milliseconds.
    pub grace_ms: u64,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { grace_ms: 10_000 }
    }
}

/// A Postgres database.
#[derive(Debug, Clone, Deserialize)]
pub struct Postgres {
    /// `postgres://role:password@host:port/database`.
    pub url: SecretString,
    /// The largest number of connections.
    #[serde(default = "ten")]
    pub max_connections: u32,
}

fn ten() -> u32 {
    10
}

/// A MongoDB database.
#[derive(Debug, Clone, Deserialize)]
pub struct Mongo {
    /// `mongodb://user:password@host:port/?replicaSet=…&authSource=…`.
    pub url: SecretString,
    /// The database's name.
    pub database: String,
}

/// A Redis server.
#[derive(Debug, Clone, Deserialize)]
pub struct Redis {
    /// `redis://user:password@host:port`.
    pub url: SecretString,
    /// What every key and channel begins with, for example `shortener:`.
    pub prefix: String,
}

/// A RabbitMQ broker.
#[derive(Debug, Clone, Deserialize)]
pub struct Amqp {
    /// `amqp://user:password@host:port/vhost`.
    pub url: SecretString,
}
