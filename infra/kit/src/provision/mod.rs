//! Databases and logins: one per unit and engine, each reaching nothing but its own.
//!
//! `cargo dev up` and every test create them by the same code, so a test meets production's isolation. Only the
//! names differ: a [`Realm`] of the product uses the units' plain names, a sandbox's puts its own name before.

mod clickhouse;
mod mongo;
pub(crate) mod postgres;
mod rabbitmq;
mod realm;
mod redis;

use crate::Engine;
use crate::engines::Addresses;
use crate::units::{UNITS, Unit};
use anyhow::{Context as _, Result};
use futures::future::{join_all, try_join_all};
pub use realm::Realm;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoLogin {
    /// The connection string, with login, replica set and authentication source.
    pub url: String,
    /// The one database it may use.
    pub database: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisLogin {
    /// The connection string, with login.
    pub url: String,
    /// What every key and channel must start with; ends with a colon.
    pub prefix: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickhouseLogin {
    /// Base URL of the HTTP interface, without the login.
    pub url: String,
    /// The one database it may use.
    pub database: String,
    pub user: String,
    pub password: String,
}

/// All logins of one unit; those on engines that were not asked for are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logins {
    pub postgres: Option<String>,
    pub mongo: Option<MongoLogin>,
    pub redis: Option<RedisLogin>,
    pub limits: Option<RedisLogin>,
    /// Connection string for RabbitMQ, virtual host included.
    pub amqp: Option<String>,
    pub clickhouse: Option<ClickhouseLogin>,
}

/// The logins of every unit, by its name.
pub type AllLogins = BTreeMap<&'static str, Logins>;

/// Which databases and logins of a realm are created.
#[derive(Debug, Clone, Copy)]
pub struct Share<'a> {
    pub(crate) engines: &'a [Engine],
    /// Whose databases: all units', if it does not say.
    unit: Option<&'a str>,
}

impl<'a> Share<'a> {
    /// Those of all units on some engines.
    pub const fn of_all(engines: &'a [Engine]) -> Self {
        Self { engines, unit: None }
    }

    /// Those of one unit on its engines; on the broker, everybody's logins.
    pub const fn of_one(unit: &'a Unit) -> Self {
        Self { engines: unit.engines, unit: Some(unit.name) }
    }

    fn has(&self, unit: &str, engine: Engine) -> bool {
        let is_whose = engine == Engine::Rabbitmq || self.unit.is_none_or(|whose| whose == unit);
        is_whose && self.engines.contains(&engine)
    }
}

/// Creates some of a realm's databases and logins, all at once; what exists is brought up to date.
///
/// `password` is asked for the password of a unit on an engine.
pub async fn create(
    addresses: &Addresses,
    realm: &Realm,
    share: Share<'_>,
    mut password: impl FnMut(&str, Engine) -> Result<String>,
) -> Result<AllLogins> {
    if share.engines.contains(&Engine::Rabbitmq) {
        rabbitmq::create_host(addresses, realm).await.context("creating the virtual host")?;
    }
    let mut work = Vec::new();
    for unit in UNITS {
        for &engine in unit.engines.iter().filter(|engine| share.has(unit.name, **engine)) {
            let password = password(unit.name, engine)?;
            work.push(async move {
                let login = one(addresses, realm, unit.name, engine, &password).await;
                let login =
                    login.with_context(|| format!("creating the login of {} on {}", unit.name, engine.name()))?;
                anyhow::Ok((unit.name, login))
            });
        }
    }
    let mut all: AllLogins = UNITS.iter().map(|unit| (unit.name, Logins::default())).collect();
    for (unit, login) in try_join_all(work).await? {
        all.entry(unit).or_default().add(login);
    }
    if share.engines.contains(&Engine::Redis) {
        redis::save(&addresses.redis).await?;
    }
    if share.engines.contains(&Engine::Limits) {
        redis::save(&addresses.limits).await?;
    }
    Ok(all)
}

impl Logins {
    fn add(&mut self, other: Self) {
        self.postgres = self.postgres.take().or(other.postgres);
        self.mongo = self.mongo.take().or(other.mongo);
        self.redis = self.redis.take().or(other.redis);
        self.limits = self.limits.take().or(other.limits);
        self.amqp = self.amqp.take().or(other.amqp);
        self.clickhouse = self.clickhouse.take().or(other.clickhouse);
    }
}

async fn one(addresses: &Addresses, realm: &Realm, unit: &str, engine: Engine, password: &str) -> Result<Logins> {
    let mut logins = Logins::default();
    let name = realm.database(unit);
    match engine {
        Engine::Postgres => logins.postgres = Some(postgres::create(&addresses.postgres, &name, password).await?),
        Engine::Mongo => logins.mongo = Some(mongo::create(&addresses.mongo, &name, password).await?),
        Engine::Redis => logins.redis = Some(redis::create(&addresses.redis, &name, password).await?),
        Engine::Limits => logins.limits = Some(redis::create(&addresses.limits, &name, password).await?),
        Engine::Rabbitmq => logins.amqp = Some(rabbitmq::create(addresses, realm, unit, password).await?),
        Engine::Clickhouse => {
            logins.clickhouse = Some(clickhouse::create(addresses, &name, password).await?);
        }
    }
    Ok(logins)
}

/// Drops the databases and logins of a realm; what is not there is no error.
pub async fn drop(addresses: &Addresses, realm: &Realm, engines: &[Engine]) -> Result<()> {
    let pairs = UNITS.iter().flat_map(|unit| unit.engines.iter().map(|&engine| (unit.name, engine)));
    let wanted = pairs.filter(|(_, engine)| engines.contains(engine));
    let work = wanted.map(|(unit, engine)| async move {
        let name = realm.database(unit);
        match engine {
            Engine::Postgres => postgres::drop(&addresses.postgres, &name).await,
            Engine::Mongo => mongo::drop(&addresses.mongo, &name).await,
            Engine::Redis => redis::drop(&addresses.redis, &name).await,
            Engine::Limits => redis::drop(&addresses.limits, &name).await,
            Engine::Rabbitmq => rabbitmq::drop_user(addresses, &name).await,
            Engine::Clickhouse => clickhouse::drop(addresses, &name).await,
        }
    });
    let outcomes = join_all(work).await;
    if engines.contains(&Engine::Rabbitmq) {
        rabbitmq::drop_host(addresses, realm).await?;
    }
    outcomes.into_iter().collect()
}

/// Drops what sandboxes left on some engines whose process is gone.
pub async fn sweep(addresses: &Addresses, engines: &[Engine]) -> Result<()> {
    let names = try_join_all(engines.iter().map(|&engine| names(addresses, engine))).await?.concat();
    let dead: BTreeSet<Realm> = names.iter().filter_map(|name| Realm::abandoned(name)).collect();
    for realm in dead {
        drop(addresses, &realm, engines).await?;
    }
    Ok(())
}

/// The names of databases, users and virtual hosts on an engine.
async fn names(addresses: &Addresses, engine: Engine) -> Result<Vec<String>> {
    match engine {
        Engine::Postgres => postgres::names(&addresses.postgres).await,
        Engine::Mongo => mongo::names(&addresses.mongo).await,
        Engine::Redis => redis::names(&addresses.redis).await,
        Engine::Limits => redis::names(&addresses.limits).await,
        Engine::Rabbitmq => rabbitmq::names(addresses).await,
        Engine::Clickhouse => clickhouse::names(&addresses.clickhouse).await,
    }
}
