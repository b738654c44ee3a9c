//! The gateway's own configuration.

mod upstreams;

use garde::Validate;
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
pub use upstreams::{Upstream, Upstreams};

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub struct Config {
    /// Keeps stale copies, persisted documents and the audit log of breakers.
    pub redis: chassis::config::Redis,
    #[serde(default)]
    #[garde(dive)]
    pub upstreams: Upstreams,
    #[serde(default)]
    pub operators: Operators,
    #[serde(default)]
    #[garde(dive)]
    pub graphql: Graphql,
    #[garde(dive)]
    pub limits: Limits,
    #[serde(default)]
    pub cors: Cors,
    /// Copies of statistics, for when analytics is away.
    #[serde(default)]
    #[garde(dive)]
    pub copies: StaleCache,
    #[serde(default)]
    pub proxy: Proxy,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Operators {
    pub bind: SocketAddr,
}

impl Default for Operators {
    fn default() -> Self {
        Self { bind: ([127, 0, 0, 1], 8081).into() }
    }
}

#[derive(Debug, Clone, Deserialize, Validate)]
#[garde(allow_unvalidated)]
#[serde(default)]
pub struct Graphql {
    /// A folder with the files of GraphiQL, which browsers are then shown: `react.js`, `react-dom.js`, `graphiql.js`,
    /// `graphiql.css`. For development.
    pub graphiql: Option<PathBuf>,
    /// Whether introspection is allowed.
    pub introspection: bool,
    /// The largest documents that are executed.
    #[garde(dive)]
    pub guard: Guard,
    #[garde(dive)]
    pub live: Live,
    /// Documents that clients name by their hash.
    #[garde(dive)]
    pub persisted: Persisted,
}

impl Default for Graphql {
    fn default() -> Self {
        let (guard, live, persisted) = (Guard::default(), Live::default(), Persisted::default());
        Self { graphiql: None, introspection: true, guard, live, persisted }
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
    /// The time between pings on a quiet connection, in milliseconds.
    #[garde(range(min = 50, max = 60_000))]
    pub ping_ms: u64,
    /// The time until a WebSocket has to send `connection_init`, in milliseconds.
    #[garde(range(min = 50, max = 60_000))]
    pub init_ms: u64,
    /// The longest silence in a service's events, in milliseconds. Services send a comment every 15 seconds.
    #[garde(range(min = 50, max = 600_000))]
    pub silence_ms: u64,
}

impl Default for Live {
    fn default() -> Self {
        Self { subscriptions: 20, sockets: 10, ping_ms: 15_000, init_ms: 10_000, silence_ms: 60_000 }
    }
}

/// Documents that clients name by their hash (Apollo's automatic persisted queries).
#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Persisted {
    /// The largest document that is kept, in bytes.
    #[garde(range(min = 1, max = 1_048_576))]
    pub most_bytes: usize,
    /// The memory for documents in this process, in bytes.
    #[garde(range(max = 1_073_741_824))]
    pub memory_bytes: u64,
    /// How many documents Redis keeps. Those that were used in the fewest hours are dropped first.
    #[garde(range(min = 1, max = 1_000_000))]
    pub most: usize,
    /// How many documents one user may add to Redis in an hour.
    #[garde(range(min = 1, max = 1_000_000))]
    pub most_per_user: usize,
    /// How long Redis keeps a document after its last use, in seconds.
    #[garde(range(min = 1, max = 2_592_000))]
    pub keep_seconds: u64,
    /// The time in which the uses of a document count once, in seconds. It must be shorter than `keep_seconds`.
    #[garde(range(min = 1, max = 86_400))]
    pub use_seconds: u32,
    /// How long a request waits for Redis, in milliseconds.
    #[garde(range(min = 1, max = 1_000))]
    pub patience_ms: u64,
}

impl Default for Persisted {
    fn default() -> Self {
        Self {
            most_bytes: 16 * 1024,
            memory_bytes: 8 * 1024 * 1024,
            most: 2_000,
            most_per_user: 100,
            keep_seconds: 24 * 60 * 60,
            use_seconds: 60 * 60,
            patience_ms: patience_ms(),
        }
    }
}

/// The largest GraphQL documents that are executed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Guard {
    /// Tokens in the document. Long lists belong in variables.
    #[garde(range(min = 100))]
    pub tokens: usize,
    /// Bytes of strings in the document, all together. Long ones belong in variables, too: validation may copy a string
    /// for each field of a document.
    #[garde(range(min = 1_000))]
    pub literals: usize,
    /// Bytes of comments in the document, all together.
    #[garde(range(min = 100))]
    pub comments: usize,
    /// Fields of an operation, with fragments expanded.
    #[garde(range(min = 10))]
    pub fields: u64,
    #[garde(range(min = 1, max = 64))]
    pub depth: u64,
    /// Aliases, with fragments expanded.
    #[garde(range(min = 0))]
    pub aliases: u64,
    /// Fields at the top of an operation.
    #[garde(range(min = 1))]
    pub roots: u64,
    /// Directives, with fragments expanded.
    #[garde(range(min = 0))]
    pub directives: u64,
    /// Values in the answer, with each list at its greatest length.
    #[garde(range(min = 100))]
    pub cost: u64,
    /// The work of analytics: 10 for a time span, 5 for a series (15 for one of hours), 3 for a list of the most
    /// frequent values. The same again for each 50 links.
    #[garde(range(min = 10))]
    pub statistics: u64,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            tokens: 10_000,
            literals: 8 * 1024,
            comments: 16 * 1024,
            fields: 2_000,
            // The standard introspection query goes 15 deep.
            depth: 20,
            aliases: 50,
            roots: 20,
            directives: 50,
            cost: 100_000,
            // For one link, three windows with everything or ten with totals; for 100 links, one with everything.
            statistics: 100,
        }
    }
}

#[derive(Debug, Clone, Deserialize, Validate)]
pub struct Limits {
    /// A Redis that evicts nothing, for the limits alone: see ADR 19.
    #[garde(skip)]
    pub redis: chassis::config::Redis,
    /// How long a request waits for Redis, in milliseconds. After that, this gateway counts by itself until Redis
    /// answers again.
    #[serde(default = "patience_ms")]
    #[garde(range(min = 1, max = 1_000))]
    pub patience_ms: u64,
    #[serde(default)]
    #[garde(dive)]
    pub address: AddressLimit,
    #[serde(default)]
    #[garde(dive)]
    pub user: UserLimit,
}

const fn patience_ms() -> u64 {
    20
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
    /// The limit of one address, which several people may share.
    AddressLimit, 200, 1_000
}
limit! {
    /// The limit of one user.
    UserLimit, 100, 500
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Cors {
    /// Origins such as `https://app.example`; `*` for all. None unless configured.
    pub origins: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct StaleCache {
    /// How long a copy may be shown, in seconds.
    #[garde(range(min = 1, max = 2_592_000))]
    pub keep_seconds: u64,
    /// How many copies one user may have: one for each link and time span. The oldest are dropped first.
    #[garde(range(min = 1, max = 10_000))]
    pub most_per_user: usize,
    /// The largest copy that is kept, in bytes.
    #[garde(range(min = 1, max = 1_048_576))]
    pub most_bytes: usize,
}

impl Default for StaleCache {
    fn default() -> Self {
        Self { keep_seconds: 24 * 60 * 60, most_per_user: 200, most_bytes: 16 * 1024 }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Proxy {
    /// The largest body that is passed on, in bytes.
    pub body_limit: usize,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { body_limit: 32 * 1024 * 1024 }
    }
}
