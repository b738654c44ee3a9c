//! What the gateway is configured with, beyond what every unit is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use garde::Validate;
use serde::Deserialize;
use url::Url;

/// The gateway's configuration.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// Where limits and copies are kept.
    pub redis: chassis::config::Redis,
    /// The services behind the gateway.
    #[serde(default)]
    #[garde(dive)]
    pub upstreams: Upstreams,
    /// The operators' address.
    #[serde(default)]
    pub operators: Operators,
    /// GraphQL.
    #[serde(default)]
    #[garde(dive)]
    pub graphql: Graphql,
    /// Rate limits.
    #[serde(default)]
    #[garde(dive)]
    pub limits: Limits,
    /// Which web pages may call.
    #[serde(default)]
    pub cors: Cors,
    /// Copies of statistics, for when analytics is away.
    #[serde(default)]
    pub copies: Copies,
    /// The REST routes.
    #[serde(default)]
    pub proxy: Proxy,
}

/// The services behind the gateway, by name. Those that the GraphQL schema needs are there without being named; more are
/// added by naming them.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(transparent)]
pub struct Upstreams(#[garde(custom(names_are_routes), dive)] pub BTreeMap<String, Upstream>);

impl Upstreams {
    /// Returns every upstream with its address filled in.
    #[must_use]
    pub fn resolved(&self) -> BTreeMap<String, Upstream> {
        let mut all = self.0.clone();
        for (name, url, tune) in KNOWN {
            let upstream = all.entry((*name).to_owned()).or_default();
            upstream.url.get_or_insert_with(|| Url::parse(url).expect("the defaults are URLs"));
            tune(upstream);
        }
        all
    }
}

type Tune = fn(&mut Upstream);

/// The upstreams that the GraphQL schema needs, with what is special about each.
const KNOWN: &[(&str, &str, Tune)] = &[
    ("auth", "http://127.0.0.1:3002", |auth| {
        // Argon2 takes its time, and under load it queues for a core.
        auth.deadline_ms.get_or_insert(5_000);
        auth.try_timeout_ms.get_or_insert(4_000);
        auth.paths.get_or_insert_with(|| vec!["/v1/".to_owned(), "/.well-known/jwks.json".to_owned()]);
    }),
    ("shortener", "http://127.0.0.1:3000", |_| {}),
    ("analytics", "http://127.0.0.1:3001", |analytics| {
        // Statistics decorate: whoever waits for a link must have it within a second, with them or without.
        analytics.deadline_ms.get_or_insert(800);
        analytics.try_timeout_ms.get_or_insert(550);
    }),
    ("orders", "http://127.0.0.1:3003", |_| {}),
    ("inventory", "http://127.0.0.1:3004", |_| {}),
    ("payments", "http://127.0.0.1:3005", |payments| {
        // Its webhook is the provider's alone, who knows its own address.
        let paths = ["/v1/payments/", "/v1/orders/", "/v1/dead-letters", "/v1/dead-letters/"];
        payments.paths.get_or_insert_with(|| paths.map(str::to_owned).into());
    }),
];

/// One service behind the gateway.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// Its address. Needed unless it is one of those that have a default.
    #[garde(custom(http))]
    pub url: Option<Url>,
    /// How long a call may take, retry included, in milliseconds: 2,000 unless said otherwise.
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub deadline_ms: Option<u64>,
    /// How long one try may take, in milliseconds: 1,500 unless said otherwise.
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub try_timeout_ms: Option<u64>,
    /// How many calls may be under way.
    #[garde(inner(range(min = 1, max = 100_000)))]
    pub concurrency: Option<usize>,
    /// What the paths begin with (or are) that may be reached from outside: `/v1/` unless said otherwise.
    pub paths: Option<Vec<String>>,
    /// How long the breaker stays open the first time, in milliseconds: 5,000 unless said otherwise.
    #[garde(inner(range(min = 10, max = 60_000)))]
    pub open_ms: Option<u64>,
}

impl Upstream {
    /// Returns the address.
    ///
    /// # Panics
    /// Panics on an upstream that was not [resolved](Upstreams::resolved).
    #[must_use]
    pub fn url(&self) -> &Url {
        self.url.as_ref().expect("validated and resolved")
    }

    /// Returns how long a call may take.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms.unwrap_or(2_000))
    }

    /// Returns how long one try may take.
    #[must_use]
    pub fn try_timeout(&self) -> Duration {
        Duration::from_millis(self.try_timeout_ms.unwrap_or(1_500))
    }

    /// Returns how many calls may be under way.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency.unwrap_or(512)
    }

    /// Whether a path of the upstream may be reached from outside.
    #[must_use]
    pub fn is_public(&self, path: &str) -> bool {
        let open = |allowed: &str| path == allowed || (allowed.ends_with('/') && path.starts_with(allowed));
        match &self.paths {
            Some(paths) => paths.iter().any(|allowed| open(allowed)),
            None => open("/v1/"),
        }
    }

    /// Returns the thresholds of its breaker.
    #[must_use]
    pub fn breaker(&self) -> breaker::Settings {
        let usual = breaker::Settings::default();
        breaker::Settings { open_base: self.open_ms.map_or(usual.open_base, Duration::from_millis), ..usual }
    }
}

/// The operators' address.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Operators {
    /// Where operators' routes are served.
    pub bind: SocketAddr,
}

impl Default for Operators {
    fn default() -> Self {
        Self { bind: ([127, 0, 0, 1], 8081).into() }
    }
}

/// GraphQL.
#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Graphql {
    /// Whether browsers are shown a page to try queries on. For development.
    pub console: bool,
    /// Whether the schema may be asked for.
    pub introspection: bool,
    /// The largest documents that are executed.
    #[garde(dive)]
    pub guard: Guard,
    /// Subscriptions.
    #[garde(dive)]
    pub live: Live,
}

impl Default for Graphql {
    fn default() -> Self {
        Self { console: false, introspection: true, guard: Guard::default(), live: Live::default() }
    }
}

/// Subscriptions, over WebSockets and server-sent events.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Live {
    /// How many operations one user may have open at once, at this gateway.
    #[garde(range(min = 1, max = 10_000))]
    pub subscriptions: usize,
    /// How many WebSockets one user may have open at once, at this gateway.
    #[garde(range(min = 1, max = 10_000))]
    pub sockets: usize,
    /// How often a quiet connection is made to show that it is there, in milliseconds.
    #[garde(range(min = 50, max = 60_000))]
    pub ping_ms: u64,
    /// How long a WebSocket may wait before it says who it is, in milliseconds.
    #[garde(range(min = 50, max = 60_000))]
    pub init_ms: u64,
    /// How long a service's feed may be silent, in milliseconds. Services say something every 15 seconds.
    #[garde(range(min = 50, max = 600_000))]
    pub silence_ms: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self { subscriptions: 20, sockets: 10, ping_ms: 15_000, init_ms: 10_000, silence_ms: 60_000 }
    }
}

/// The largest GraphQL documents that are executed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Guard {
    /// Tokens in the document. Long lists belong in variables.
    #[garde(range(min = 100))]
    pub tokens: usize,
    /// Fields of an operation, fragments expanded.
    #[garde(range(min = 10))]
    pub fields: u64,
    /// Fields inside fields.
    #[garde(range(min = 1, max = 64))]
    pub depth: u64,
    /// Aliases, fragments expanded.
    #[garde(range(min = 0))]
    pub aliases: u64,
    /// Fields at the top of an operation.
    #[garde(range(min = 1))]
    pub roots: u64,
    /// Directives, fragments expanded.
    #[garde(range(min = 0))]
    pub directives: u64,
    /// Values in the answer, with each list as long as it may become.
    #[garde(range(min = 100))]
    pub cost: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            tokens: 10_000,
            fields: 2_000,
            // The standard introspection query goes 15 deep.
            depth: 20,
            aliases: 50,
            roots: 20,
            directives: 50,
            cost: 100_000,
        }
    }
}

/// Rate limits.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(default)]
pub struct Limits {
    /// For each client address.
    #[garde(dive)]
    pub address: AddressLimit,
    /// For each user.
    #[garde(dive)]
    pub user: UserLimit,
}

macro_rules! limit {
    ($(#[doc = $doc:literal])+ $name:ident, $per_second:literal, $burst:literal) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Deserialize, Validate)]
        #[serde(default)]
        pub struct $name {
            /// How many requests a second are allowed in the long run.
            #[garde(range(min = 1, max = 1_000_000))]
            pub per_second: u32,
            /// How many may come at once.
            #[garde(range(min = 1, max = 1_000_000))]
            pub burst: u32,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { per_second: $per_second, burst: $burst }
            }
        }
    };
}

limit! {
    /// What one address may ask: several people may stand behind it.
    AddressLimit, 200, 1_000
}
limit! {
    /// What one user may ask.
    UserLimit, 100, 500
}

/// Which web pages may call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Cors {
    /// Origins such as `https://app.example`; `*` for all. None unless configured.
    pub origins: Vec<String>,
}

/// Copies of statistics.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Copies {
    /// How long a copy may be shown, in seconds.
    pub keep_seconds: u64,
}

impl Default for Copies {
    fn default() -> Self {
        Self { keep_seconds: 24 * 60 * 60 }
    }
}

/// The REST routes.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Proxy {
    /// The largest body that is passed on, in bytes.
    pub body_limit: usize,
    /// How long the answer to a request with a body may take, in milliseconds: bulk work takes longer than reads.
    pub write_deadline_ms: u64,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { body_limit: 32 * 1024 * 1024, write_deadline_ms: 9_000 }
    }
}

/// Names stand in paths, and beside the operators' own routes.
fn names_are_routes(upstreams: &BTreeMap<String, Upstream>, _: &()) -> garde::Result {
    for (name, upstream) in upstreams {
        let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !plain || ["events", "audit"].contains(&name.as_str()) {
            return Err(garde::Error::new(format!("{name} cannot be the name of an upstream")));
        }
        if upstream.url.is_none() && !KNOWN.iter().any(|(known, ..)| known == name) {
            return Err(garde::Error::new(format!("the upstream {name} needs a url")));
        }
    }
    Ok(())
}

fn http(url: &Option<Url>, _: &()) -> garde::Result {
    match url {
        Some(url) if !matches!(url.scheme(), "http" | "https") => Err(garde::Error::new("must be http or https")),
        Some(url) if url.path() != "/" || url.query().is_some() => Err(garde::Error::new("must have no path")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, url: Option<&str>) -> Upstreams {
        let upstream = Upstream { url: url.map(|url| Url::parse(url).expect("a URL")), ..Upstream::default() };
        Upstreams(BTreeMap::from([(name.to_owned(), upstream)]))
    }

    #[test]
    fn what_the_schema_needs_is_always_there_and_more_is_added_by_naming_it() {
        let upstreams = named("search", Some("http://127.0.0.1:3006"));
        assert!(upstreams.validate().is_ok());
        let names: Vec<_> = upstreams.resolved().into_keys().collect();
        assert_eq!(names, ["analytics", "auth", "inventory", "orders", "payments", "search", "shortener"]);
        assert!(named("search", None).validate().is_err(), "an unknown one needs an address");
        assert!(named("auth", None).validate().is_ok());
        assert!(named("events", Some("http://a")).validate().is_err(), "a route of the operators");
        assert!(named("files", Some("ftp://a")).validate().is_err());
    }

    #[test]
    fn only_public_paths_are_reachable() {
        let upstreams = Upstreams::default().resolved();
        let (auth, shortener) = (&upstreams["auth"], &upstreams["shortener"]);
        assert!(auth.is_public("/.well-known/jwks.json") && auth.is_public("/v1/users/me"));
        assert!(shortener.is_public("/v1/links"));
        for hidden in ["/metrics", "/health/ready", "/v1", "/v2/links", "/.well-known/jwks.json/more"] {
            assert!(!shortener.is_public(hidden) && !auth.is_public(hidden), "{hidden}");
        }
        let payments = &upstreams["payments"];
        assert!(payments.is_public("/v1/payments/batch") && payments.is_public("/v1/orders/1/payment"));
        assert!(payments.is_public("/v1/dead-letters") && payments.is_public("/v1/dead-letters/redrive"));
        for hidden in ["/v1/webhooks/provider", "/v1/%77ebhooks/provider", "/v1/paymentsx", "/metrics"] {
            assert!(!payments.is_public(hidden), "{hidden}");
        }
    }
}
