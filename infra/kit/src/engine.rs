//! Which engines there are.

use serde::{Deserialize, Serialize};

/// The program that puts ClickHouse's library behind its HTTP interface, which is also the name of its package.
pub(crate) const ADAPTER: &str = "clickhouse-adapter";

/// One of the engines that Vitrine stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Postgres, for auth, orders, inventory and payments.
    Postgres,
    /// MongoDB as a replica set of one, for the shortener.
    Mongo,
    /// Redis, for caches, copies and broadcasts.
    Redis,
    /// A second Redis, for the gateway's limits alone: small, and nothing is evicted from it.
    Limits,
    /// RabbitMQ, for every message.
    Rabbitmq,
    /// ClickHouse, for analytics.
    Clickhouse,
}

impl Engine {
    pub const ALL: &'static [Self] =
        &[Self::Postgres, Self::Mongo, Self::Redis, Self::Limits, Self::Rabbitmq, Self::Clickhouse];

    /// Its name in paths, logs and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mongo => "mongo",
            Self::Redis => "redis",
            Self::Limits => "limits",
            Self::Rabbitmq => "rabbitmq",
            Self::Clickhouse => "clickhouse",
        }
    }

    /// Its program, where that is one of this workspace: it has to be built before the engine starts as a process.
    pub const fn built_here(self) -> Option<&'static str> {
        match self {
            Self::Clickhouse => Some(ADAPTER),
            _ => None,
        }
    }
}
