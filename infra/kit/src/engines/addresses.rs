//! Addresses and administrators' logins, as written to `engines.json`.

use super::{Engine, Site};
use crate::secrets::write_private;
use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where one engine listens (127.0.0.1) and who may do everything there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Port on 127.0.0.1.
    pub port: u16,
    pub user: String,
    pub password: String,
}

impl Address {
    /// `scheme://user:password@127.0.0.1:port`, to which a path may be appended.
    pub fn url(&self, scheme: &str) -> String {
        self.url_as(scheme, &self.user, &self.password)
    }

    /// The same for another login.
    pub fn url_as(&self, scheme: &str, user: &str, password: &str) -> String {
        format!("{scheme}://{user}:{password}@127.0.0.1:{}", self.port)
    }
}

/// The addresses of a set of engines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub postgres: Address,
    /// MongoDB, replica set `rs0`.
    pub mongo: Address,
    pub redis: Address,
    pub limits: Address,
    /// RabbitMQ, AMQP.
    pub rabbitmq: Address,
    /// RabbitMQ, management API, for the same administrator.
    pub rabbitmq_management: Address,
    /// ClickHouse, HTTP.
    pub clickhouse: Address,
    /// The folder from which our adapter reads its logins; a ClickHouse server has none and takes `CREATE USER`.
    #[serde(default)]
    pub clickhouse_logins: Option<PathBuf>,
}

impl Addresses {
    pub(super) fn of(site: &Site) -> Self {
        let ports = site.ports();
        let address = |engine, port, user: &str| Address {
            port,
            user: user.to_owned(),
            password: site.password(engine).to_owned(),
        };
        Self {
            postgres: address(Engine::Postgres, ports.postgres, "postgres"),
            mongo: address(Engine::Mongo, ports.mongo, "root"),
            redis: address(Engine::Redis, ports.redis, "default"),
            limits: address(Engine::Limits, ports.limits(), "default"),
            rabbitmq: address(Engine::Rabbitmq, ports.amqp, "admin"),
            rabbitmq_management: address(Engine::Rabbitmq, ports.management, "admin"),
            clickhouse: address(Engine::Clickhouse, ports.clickhouse, "default"),
            clickhouse_logins: None,
        }
    }

    /// Takes the addresses of some engines from another set.
    #[must_use]
    pub(super) fn with(mut self, engines: &[Engine], other: &Self) -> Self {
        for engine in engines {
            match engine {
                Engine::Postgres => self.postgres = other.postgres.clone(),
                Engine::Mongo => self.mongo = other.mongo.clone(),
                Engine::Redis => self.redis = other.redis.clone(),
                Engine::Limits => self.limits = other.limits.clone(),
                Engine::Rabbitmq => {
                    self.rabbitmq = other.rabbitmq.clone();
                    self.rabbitmq_management = other.rabbitmq_management.clone();
                }
                Engine::Clickhouse => {
                    self.clickhouse = other.clickhouse.clone();
                    self.clickhouse_logins.clone_from(&other.clickhouse_logins);
                }
            }
        }
        self
    }

    /// Reads `engines.json` of a folder; `None` when there is none.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("engines.json");
        match std::fs::read(&path) {
            Ok(bytes) => {
                Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("reading {}", path.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// Writes `engines.json`, readable by its owner only.
    pub fn write(&self, folder: &Path) -> Result<()> {
        write_private(&folder.join("engines.json"), &serde_json::to_vec_pretty(self)?)
    }

    /// Removes `engines.json`, if it is there.
    pub(super) fn forget(folder: &Path) -> Result<()> {
        let path = folder.join("engines.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("removing {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// The base URL of RabbitMQ's management API, with the administrator's login.
    pub fn management_url(&self) -> String {
        self.rabbitmq_management.url("http")
    }
}
