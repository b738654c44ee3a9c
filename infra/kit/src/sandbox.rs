//! A sandbox: the databases and logins of one test.

use crate::engines::{self, Addresses, Engine, Private, Site};
use crate::environment::{Environment, Listeners, Operator, Wiring};
use crate::provision::{self, AllLogins, ClickhouseLogin, Logins, MongoLogin, Realm, RedisLogin, Share};
use crate::{paths, secrets, sweeper, units};
use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::time::Duration;

/// How long a test waits at its end for what it had to be dropped. What is left is swept.
const FAREWELL: Duration = Duration::from_secs(10);

/// The databases and logins of one test, isolated like those of production, and dropped with this value.
///
/// But for those on Postgres: they go when the test's process is gone and the next sandbox is made. Whoever drops a
/// database there waits for all who are just connecting, who may be of a test that waits for its own to be dropped.
/// With `VITRINE_KEEP` set everything stays until a test runs without it.
#[derive(Debug)]
pub struct Sandbox {
    addresses: Addresses,
    realm: Realm,
    engines: Vec<Engine>,
    logins: AllLogins,
    /// What all units share; the listeners are those of a stack.
    wiring: Wiring,
}

impl Sandbox {
    /// Creates the logins of all units on all engines, which are started if they do not run.
    pub async fn new() -> Result<Self> {
        Self::only(Engine::ALL).await
    }

    /// Creates logins on some engines only, which is quicker.
    pub async fn only(engines: &[Engine]) -> Result<Self> {
        Self::shared(Share::of_all(engines)).await
    }

    /// Creates the databases of one unit, and the logins of all on the broker if that is among its engines: there
    /// units meet. The quickest.
    pub async fn of(unit: &str) -> Result<Self> {
        let unit = units::named(unit).with_context(|| format!("there is no unit named {unit}"))?;
        Self::shared(Share::of_one(unit)).await
    }

    /// On the engines that tests share.
    async fn shared(share: Share<'_>) -> Result<Self> {
        let site = Site::test()?;
        let addresses = engines::ensure(&site, share.engines).await?;
        if std::env::var_os("VITRINE_KEEP").is_none() {
            sweeper::start(&site, &addresses, share.engines);
        }
        Self::at(addresses, share).await
    }

    /// Creates logins on private engines where there are, and on the shared ones else.
    pub async fn on(private: &Private) -> Result<Self> {
        Self::at(private.addresses().clone(), Share::of_all(Engine::ALL)).await
    }

    async fn at(addresses: Addresses, share: Share<'_>) -> Result<Self> {
        let realm = Realm::sandbox();
        let logins = provision::create(&addresses, &realm, share, |_, _| Ok(secrets::generate())).await?;
        let wiring = Wiring {
            listeners: Listeners::new(),
            operator: Operator { email: "operator@example.com".to_owned(), password: secrets::generate() },
            sealing_key: secrets::generate_key(),
            customers_key: secrets::generate_key(),
            service_secrets: units::with_identity().map(|unit| (unit.name.to_owned(), secrets::generate())).collect(),
            provider_secret: secrets::generate(),
            state: paths::dev().join("test/sandboxes").join(realm.host()),
        };
        Ok(Self { addresses, realm, engines: share.engines.to_vec(), logins, wiring })
    }

    /// The name of the sandbox, which is also that of its virtual host.
    pub fn name(&self) -> &str {
        self.realm.host()
    }

    /// The engines behind it, with their administrators' logins.
    pub fn engines(&self) -> &Addresses {
        &self.addresses
    }

    /// Connection string of a unit's Postgres database. Panics when the unit has none, or the sandbox was made without
    /// Postgres; so do the other logins.
    #[track_caller]
    pub fn postgres(&self, unit: &str) -> &str {
        self.logins(unit).postgres.as_deref().expect("a login on Postgres")
    }

    #[track_caller]
    pub fn mongo(&self, unit: &str) -> &MongoLogin {
        self.logins(unit).mongo.as_ref().expect("a login on MongoDB")
    }

    #[track_caller]
    pub fn redis(&self, unit: &str) -> &RedisLogin {
        self.logins(unit).redis.as_ref().expect("a login on Redis")
    }

    /// Login of a unit on the Redis of the limits.
    #[track_caller]
    pub fn limits(&self, unit: &str) -> &RedisLogin {
        self.logins(unit).limits.as_ref().expect("a login on the Redis of the limits")
    }

    #[track_caller]
    pub fn amqp(&self, unit: &str) -> &str {
        self.logins(unit).amqp.as_deref().expect("a login on RabbitMQ")
    }

    #[track_caller]
    pub fn clickhouse(&self, unit: &str) -> &ClickhouseLogin {
        self.logins(unit).clickhouse.as_ref().expect("a login on ClickHouse")
    }

    /// Changes a unit's role on Postgres, as `SET default_transaction_read_only = on` or `CONNECTION LIMIT 0`, and cuts
    /// off who is connected as it: the change is for connections that begin.
    pub async fn alter_role(&self, unit: &str, change: &str) -> Result<()> {
        provision::postgres::alter(&self.addresses.postgres, &self.realm.database(unit), change).await
    }

    /// Connection string of the administrator for this sandbox's virtual host.
    pub fn amqp_admin(&self) -> String {
        format!("{}/{}", self.addresses.rabbitmq.url("amqp"), self.name())
    }

    pub fn operator(&self) -> &Operator {
        &self.wiring.operator
    }

    /// The environment of a unit that listens on a free port and has no neighbours.
    pub fn env_for(&self, unit: &str) -> Environment {
        self.env_among(unit, Listeners::new())
    }

    /// The environment of a unit among others.
    pub fn env_among(&self, unit: &str, listeners: Listeners) -> Environment {
        Wiring { listeners, ..self.wiring.clone() }.of(unit, self.logins(unit))
    }

    /// The folder for logs and other files of this sandbox, removed with it.
    pub fn folder(&self) -> PathBuf {
        self.wiring.state.clone()
    }

    #[track_caller]
    fn logins(&self, unit: &str) -> &Logins {
        self.logins.get(unit).unwrap_or_else(|| panic!("there is no unit named {unit}"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::env::var_os("VITRINE_KEEP").is_some() {
            return;
        }
        let (addresses, realm, mut engines) = (self.addresses.clone(), self.realm.clone(), self.engines.clone());
        engines.retain(|engine| *engine != Engine::Postgres);
        // A runtime of its own: the test's may be single-threaded and is busy running this very drop.
        let farewell = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let work = async { tokio::time::timeout(FAREWELL, provision::drop(&addresses, &realm, &engines)).await };
            runtime.block_on(work).context("dropping the sandbox took too long")?
        });
        // A failure leaves names that are swept; the test's own outcome stands.
        let _ = farewell.join();
        let _ = std::fs::remove_dir_all(self.folder());
    }
}
