//! What goes wrong, and how it is put right again.

use anyhow::Context as _;
use chaos::{cables::Cables, victim::Victim};
use kit::{Disk, Engine, Pace, engines::Private, eventually, units};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::{LIMIT, Scene};
use std::time::Duration;

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
    Locked { unit: &'static str, table: &'static str },
    /// RabbitMQ has a memory alarm: it takes no messages.
    BrokerAlarm,
    /// The network before a service or an engine is slow.
    Slow(Victim, Slowness),
    /// A disk has no room left.
    FullDisk(Full),
}

/// In what way a network is slow.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Slowness {
    /// Everything takes 300 ms each way.
    Late,
    /// A connection passes 2 KiB in a second.
    Narrow,
}

impl Slowness {
    const fn pace(self) -> Pace {
        match self {
            Self::Late => Pace { delay: Duration::from_millis(300), bytes_per_second: None },
            Self::Narrow => Pace { delay: Duration::ZERO, bytes_per_second: Some(2_048) },
        }
    }
}

/// Whose disk is full.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Full {
    /// Postgres has no room for its tables and its log.
    Postgres,
    /// RabbitMQ has less room than it wants to be free: it takes no messages.
    Rabbitmq,
    /// Shortener has no room for clicks.
    Spool,
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
        let behind_cables = ["shortener", "orders"].map(Victim::Unit).into_iter();
        let behind_cables = behind_cables.chain(Cables::ENGINES.map(Victim::Engine));
        let slow =
            behind_cables.flat_map(|victim| [Slowness::Late, Slowness::Narrow].map(|how| Self::Slow(victim, how)));
        let full = [Full::Postgres, Full::Rabbitmq, Full::Spool].map(Self::FullDisk);
        let refusing = [Self::ReadOnly, Self::NoConnections, Self::BrokerAlarm];
        killed.chain(hung).chain(refusing).chain(locked).chain(slow).chain(full).collect()
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
            Self::Slow(victim, Slowness::Late) => format!("slow network to {}: 300 ms each way", victim.name()),
            Self::Slow(victim, Slowness::Narrow) => format!("slow network to {}: 2 KiB/s", victim.name()),
            Self::FullDisk(Full::Postgres) => "full disk of postgres".to_owned(),
            Self::FullDisk(Full::Rabbitmq) => "full disk of rabbitmq".to_owned(),
            Self::FullDisk(Full::Spool) => "full disk of shortener's spool".to_owned(),
        }
    }

    /// Why it cannot happen on this machine, if it cannot.
    pub(crate) fn obstacle(self, scene: &Scene) -> Option<String> {
        let Self::FullDisk(full) = self else { return None };
        full.disk(scene).err().map(|error| format!("{error:#}"))
    }

    /// Lets it happen. What comes back puts it right.
    pub(crate) async fn inflict(self, scene: &Scene) -> anyhow::Result<Option<PgConnection>> {
        match self {
            Self::Killed(victim) => {
                victim.kill(&scene.stack, &scene.engines).await?;
                scene.cables.pull_out(victim);
            }
            Self::Hung(victim) => victim.pause(&scene.stack, &scene.engines)?,
            Self::ReadOnly => set(&scene.engines, "default_transaction_read_only", "on").await?,
            Self::NoConnections => connections(scene, "NOLOGIN").await?,
            Self::Locked { unit, table } => return lock(scene, unit, table).await.map(Some),
            Self::BrokerAlarm => scene.engines.broker_memory("1MB").await?,
            Self::Slow(victim, how) => scene.cables.slow_down(victim, how.pace()),
            Self::FullDisk(full) => full.fill(scene).await?,
        }
        Ok(None)
    }

    /// Puts it right again; `held` is what [`inflict`](Self::inflict) gave.
    pub(crate) async fn lift(self, scene: &Scene, held: Option<PgConnection>) -> anyhow::Result<()> {
        match self {
            Self::Killed(victim) => {
                scene.cables.mend(victim);
                victim.revive(&scene.stack, &scene.engines).await
            }
            Self::Hung(victim) => victim.resume(&scene.stack, &scene.engines),
            Self::ReadOnly => set(&scene.engines, "default_transaction_read_only", "off").await,
            Self::NoConnections => connections(scene, "LOGIN").await,
            Self::Locked { .. } => Ok(held.context("the lock was not held")?.close().await?),
            Self::BrokerAlarm => scene.engines.broker_memory("1GB").await,
            Self::Slow(victim, _) => {
                scene.cables.slow_down(victim, Pace::default());
                Ok(())
            }
            Self::FullDisk(full) => full.free(scene).await,
        }
    }
}

impl Full {
    fn disk(self, scene: &Scene) -> anyhow::Result<&Disk> {
        match self {
            Self::Postgres => scene.engines.disk(Engine::Postgres),
            Self::Rabbitmq => scene.engines.disk(Engine::Rabbitmq),
            Self::Spool => scene.spool.as_ref().map_err(|error| anyhow::anyhow!("{error:#}")),
        }
    }

    /// Fills the disk, and waits until that is felt.
    async fn fill(self, scene: &Scene) -> anyhow::Result<()> {
        let disk = self.disk(scene)?;
        match self {
            Self::Spool => disk.fill(0),
            Self::Rabbitmq => {
                disk.fill(100 << 20)?;
                eventually(LIMIT, "RabbitMQ's alarm", async || Ok(scene.engines.broker_alarm().await?.then_some(())))
                    .await
            }
            Self::Postgres => {
                disk.fill(0)?;
                eventually(LIMIT, "Postgres to miss the room", async || Ok(grows(scene).await.is_err().then_some(())))
                    .await
            }
        }
    }

    /// Gives the room back. An operator starts a Postgres that ended for want of it.
    async fn free(self, scene: &Scene) -> anyhow::Result<()> {
        self.disk(scene)?.free()?;
        match self {
            Self::Postgres => scene.engines.start_again(Engine::Postgres).await,
            Self::Rabbitmq | Self::Spool => Ok(()),
        }
    }
}

/// Whether Postgres finds room for a table of 1 MiB.
async fn grows(scene: &Scene) -> anyhow::Result<()> {
    let mut administrator = administrator(&scene.engines).await?;
    let table = "CREATE TEMPORARY TABLE room AS SELECT repeat('x', 1000) FROM generate_series(1, 1000)";
    administrator.execute(table).await?;
    Ok(())
}

async fn administrator(engines: &Private) -> anyhow::Result<PgConnection> {
    Ok(PgConnection::connect(&format!("{}/postgres", engines.addresses().postgres.url("postgres"))).await?)
}

/// Lets Postgres write its log anew before that fills a small disk.
pub(crate) async fn keep_little_log(engines: &Private) -> anyhow::Result<()> {
    set(engines, "max_wal_size", "'128MB'").await
}

async fn set(engines: &Private, setting: &str, value: &str) -> anyhow::Result<()> {
    let mut administrator = administrator(engines).await?;
    administrator.execute("SET default_transaction_read_only = off").await?;
    administrator.execute(AssertSqlSafe(format!("ALTER SYSTEM SET {setting} = {value}"))).await?;
    administrator.execute("SELECT pg_reload_conf()").await?;
    Ok(())
}

/// Lets nobody but the administrator log in, and ends the connections that are open; or lets them in again.
async fn connections(scene: &Scene, allowed: &str) -> anyhow::Result<()> {
    let mut administrator = administrator(&scene.engines).await?;
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
