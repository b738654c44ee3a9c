//! What goes wrong, and how it is put right again.

use anyhow::Context as _;
use chaos::victim::Victim;
use kit::{Engine, units};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::Scene;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// `kill -9`; started again at the end.
    Killed(Victim),
    /// `SIGSTOP`: connections are taken, nothing is answered; goes on at the end.
    Hung(Victim),
    /// Postgres takes no writes, as after a failover to a replica.
    ReadOnly,
    /// Postgres takes no new connections, and the open ones are ended.
    NoConnections,
    /// A table of a service is locked.
    Locked {
        /// Whose.
        unit: &'static str,
        /// Which.
        table: &'static str,
    },
    /// RabbitMQ has a memory alarm: it takes no messages.
    BrokerAlarm,
}

impl Fault {
    /// Every fault, in the order of the table.
    pub(crate) fn all() -> Vec<Self> {
        let units = units::UNITS.iter().filter(|unit| unit.name != "gateway").map(|unit| Victim::Unit(unit.name));
        let engines = Scene::ENGINES.iter().copied().map(Victim::Engine);
        let victims: Vec<Victim> = units.chain(engines).collect();
        let killed = victims.iter().copied().map(Self::Killed);
        let hung = victims.iter().copied().map(Self::Hung);
        let locked = [("inventory", "product_stock"), ("orders", "order_events"), ("auth", "users")];
        let locked = locked.map(|(unit, table)| Self::Locked { unit, table });
        killed.chain(hung).chain([Self::ReadOnly, Self::NoConnections, Self::BrokerAlarm]).chain(locked).collect()
    }

    /// How it is called in the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Killed(victim) => format!("{} killed", victim.name()),
            Self::Hung(victim) => format!("{} hangs", victim.name()),
            Self::ReadOnly => "postgres read-only".to_owned(),
            Self::NoConnections => "postgres without connections".to_owned(),
            Self::Locked { unit, table } => format!("{unit}: `{table}` locked"),
            Self::BrokerAlarm => "rabbitmq memory alarm".to_owned(),
        }
    }

    /// Lets it happen. What comes back puts it right.
    pub(crate) async fn inflict(self, scene: &Scene) -> anyhow::Result<Option<PgConnection>> {
        match self {
            Self::Killed(victim) => victim.kill(&scene.stack, &scene.engines).await?,
            Self::Hung(victim) => victim.pause(&scene.stack, &scene.engines)?,
            Self::ReadOnly => set(scene, "default_transaction_read_only", "on").await?,
            Self::NoConnections => connections(scene, "NOLOGIN").await?,
            Self::Locked { unit, table } => return lock(scene, unit, table).await.map(Some),
            Self::BrokerAlarm => scene.engines.broker_memory("1MB").await?,
        }
        Ok(None)
    }

    /// Puts it right again; `held` is what [`inflict`](Self::inflict) gave.
    pub(crate) async fn lift(self, scene: &Scene, held: Option<PgConnection>) -> anyhow::Result<()> {
        match self {
            Self::Killed(victim) => victim.revive(&scene.stack, &scene.engines).await,
            Self::Hung(victim) => victim.resume(&scene.stack, &scene.engines),
            Self::ReadOnly => set(scene, "default_transaction_read_only", "off").await,
            Self::NoConnections => connections(scene, "LOGIN").await,
            Self::Locked { .. } => Ok(held.context("the lock was not held")?.close().await?),
            Self::BrokerAlarm => scene.engines.broker_memory("1GB").await,
        }
    }
}

async fn administrator(scene: &Scene) -> anyhow::Result<PgConnection> {
    Ok(PgConnection::connect(&format!("{}/postgres", scene.engines.addresses().postgres.url("postgres"))).await?)
}

async fn set(scene: &Scene, setting: &str, value: &str) -> anyhow::Result<()> {
    let mut administrator = administrator(scene).await?;
    administrator.execute("SET default_transaction_read_only = off").await?;
    administrator.execute(AssertSqlSafe(format!("ALTER SYSTEM SET {setting} = {value}"))).await?;
    administrator.execute("SELECT pg_reload_conf()").await?;
    Ok(())
}

/// Lets nobody but the administrator log in, and ends the connections that are open; or lets them in again.
async fn connections(scene: &Scene, allowed: &str) -> anyhow::Result<()> {
    let mut administrator = administrator(scene).await?;
    for unit in units::UNITS.iter().filter(|unit| unit.engines.contains(&Engine::Postgres)) {
        let url: url::Url = scene.sandbox.postgres(unit.name).parse()?;
        administrator.execute(AssertSqlSafe(format!("ALTER ROLE \"{}\" {allowed}", url.username()))).await?;
    }
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
    administrator.execute(others).await?;
    Ok(())
}

async fn lock(scene: &Scene, unit: &str, table: &str) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::connect(scene.sandbox.postgres(unit)).await?;
    connection.execute("BEGIN").await?;
    connection.execute(AssertSqlSafe(format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))).await?;
    Ok(connection)
}
