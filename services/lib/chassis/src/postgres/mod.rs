//! A service's way to its Postgres database, and what a failure of it means.

mod db;
mod tx;

pub use db::Db;
pub(crate) use db::{begin, begin_with};
pub use tx::Tx;

use crate::{
    App,
    config::Postgres,
    messaging::{self, AppMessaging as _, ledger::Ledger, outbox},
};
use anyhow::Context as _;
use contracts::patience::{CONNECTION, STATEMENT};
use secrecy::ExposeSecret as _;
use sqlx::{
    Error, PgConnection, PgPool,
    migrate::Migrator,
    pool::PoolConnectionMetadata,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a connection is taken for whole after its last use, and a server for one that takes writes. Asking first is a
/// round trip for every transaction.
const TRUSTED: Duration = Duration::from_secs(1);

/// How long connections to a server that only reads are kept before it is tried whether new ones reach another.
const RENEWED: Duration = Duration::from_secs(3);

/// Leaves only the plans that suit full tables: indices, and nested loops over them.
///
/// A statement is planned once for each connection, mostly while its tables are empty. Left alone, Postgres then
/// chooses to read whole tables, and does so while they grow, until it comes to analyse them. What services do here
/// touches few rows of each table; a statement that really wants to read one whole can set these for itself.
const PLANS: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

/// How long a transaction may wait for its program before the database ends it. One that is forgotten, or whose process
/// stands still, would keep its locks from all others.
const LEFT_ALONE: (&str, &str) = ("idle_in_transaction_session_timeout", "30s");

/// Migrations take the time that they need, also while another process runs them.
const UNLIMITED: Duration = Duration::ZERO;

/// Classes of SQLSTATEs that tell of the database's state: connection, a log-in that it does not take (a password or role
/// that is being changed), resources (a full disk, no free connection), shutting down or cancelled by a time limit, and
/// failures of the system below it.
const STATES: [&str; 5] = ["08", "28", "53", "57", "58"];

/// Further SQLSTATEs that another try may not meet: failed serialisations, deadlocks, locks that were not had in time,
/// a database that only reads (as during a failover), and transactions that the database ended because they were
/// [left alone](LEFT_ALONE) or took too long.
const PASSING: [&str; 6] = ["40001", "40P01", "55P03", "25006", "25P03", "25P04"];

/// Consumers remember in the database.
impl From<&Db> for Ledger {
    fn from(db: &Db) -> Self {
        messaging::ledger::postgres(db.pool().clone())
    }
}

/// Adds a Postgres database to an [`App`].
pub trait AppPostgres {
    /// Connects to the unit's database, migrates it, and makes the tables of messaging. With it come its probe, the
    /// relay of its outbox, and the upkeep of its inbox.
    ///
    /// # Errors
    /// Fails when the database is away or cannot be migrated.
    fn postgres(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
    ) -> impl Future<Output = anyhow::Result<Db>> + Send;

    /// Like [`postgres`](Self::postgres), and gives up to `workers` connections more for what works in the background,
    /// as relay and upkeep do: a rush of requests then leaves them theirs, and the other way round.
    ///
    /// # Errors
    /// Fails when the database is away or cannot be migrated.
    fn postgres_with_workers(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
        workers: u32,
    ) -> impl Future<Output = anyhow::Result<(Db, Db)>> + Send;
}

impl AppPostgres for App {
    async fn postgres(&mut self, settings: &Postgres, migrations: &Migrator) -> anyhow::Result<Db> {
        let db = open(settings, migrations).await?;
        add(self, &db, &db);
        Ok(db)
    }

    async fn postgres_with_workers(
        &mut self,
        settings: &Postgres,
        migrations: &Migrator,
        workers: u32,
    ) -> anyhow::Result<(Db, Db)> {
        let db = open(settings, migrations).await?;
        let workers = db.over(pool(settings, workers)?);
        add(self, &db, &workers);
        Ok((db, workers))
    }
}

/// Connects, migrates, and makes the tables of messaging.
async fn open(settings: &Postgres, migrations: &Migrator) -> anyhow::Result<Db> {
    let patient = connect(settings, 1, UNLIMITED)?;
    patient.acquire().await.context("the database cannot be reached")?;
    migrations.run(&patient).await.context("the database could not be migrated")?;
    patient.close().await;
    let pool = pool(settings, settings.max_connections)?;
    messaging::postgres::prepare(&pool).await.context("the messaging tables could not be prepared")?;
    Ok(Db::from(pool))
}

/// Adds what belongs to every database.
fn add(app: &mut App, db: &Db, workers: &Db) {
    app.needs("postgres", db, |db| async move { Ok(sqlx::query("SELECT 1").execute(db.pool()).await.map(drop)?) });
    app.every("inbox upkeep", Duration::from_hours(1), workers.pool().clone(), |pool| async move {
        messaging::postgres::keep_up(&pool).await
    });
    app.relay(outbox::postgres::Store::new(workers));
}

/// Up to `most` connections, made when they are needed.
///
/// # Errors
/// Fails when the URL cannot be parsed.
pub fn pool(settings: &Postgres, most: u32) -> anyhow::Result<PgPool> {
    connect(settings, most, STATEMENT)
}

fn connect(settings: &Postgres, most: u32, statement: Duration) -> anyhow::Result<PgPool> {
    let options: PgConnectOptions = settings.url.expose_secret().parse().context("postgres.url is no URL")?;
    let pool = PgPoolOptions::new().max_connections(most).acquire_timeout(CONNECTION);
    let looks = Arc::new(Looks::default());
    let pool = pool.test_before_acquire(false).before_acquire(move |connection, since| {
        let looks = Arc::clone(&looks);
        Box::pin(async move { Ok(looks.trusts(connection, &since).await) })
    });
    let statement = [("statement_timeout", statement.as_millis())];
    Ok(pool.connect_lazy_with(options.options(PLANS).options([LEFT_ALONE]).options(statement)))
}

/// Which connections of a pool may still be used.
#[derive(Default)]
struct Looks(Mutex<Looked>);

#[derive(Default)]
struct Looked {
    /// When a connection was last asked.
    at: Option<Instant>,
    /// When one was found that only reads, for which all were made anew.
    only_reads: Option<Instant>,
}

impl Looks {
    /// Whether a connection is whole and leads to a server that takes writes, as far as is known.
    ///
    /// A server that became a standby keeps its connections, and refuses every write on them (SQLSTATE 25006). So one
    /// connection is asked in every [`TRUSTED`]; when it only reads, all that were made until then are dropped, and new
    /// ones reach whoever is primary now.
    async fn trusts(&self, connection: &mut PgConnection, since: &PoolConnectionMetadata) -> bool {
        let now = Instant::now();
        let asks = {
            let mut looked = self.lock();
            if looked.only_reads.is_some_and(|at| now.duration_since(at) < since.age) {
                return false;
            }
            let asks = since.idle_for >= TRUSTED || looked.at.is_none_or(|at| now.duration_since(at) >= TRUSTED);
            looked.at = if asks { Some(now) } else { looked.at };
            asks
        };
        if !asks {
            return true;
        }
        match sqlx::query_scalar::<_, String>("SHOW transaction_read_only").fetch_one(connection).await {
            Ok(setting) if setting == "on" => !self.renews(),
            asked => asked.is_ok(),
        }
    }

    /// Whether a server that only reads was found longer ago than [`RENEWED`]: then connections are made anew.
    fn renews(&self) -> bool {
        let mut looked = self.lock();
        let renews = looked.only_reads.is_none_or(|at| at.elapsed() >= RENEWED);
        if renews {
            looked.only_reads = Some(Instant::now());
            tracing::warn!("The database only reads: its connections are made anew.");
        }
        renews
    }

    fn lock(&self) -> MutexGuard<'_, Looked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One column of what is written in many rows, for `unnest`.
pub fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// Whether the database is away or cannot do its work for the moment, rather than asked something wrong: another try may
/// succeed. [`Failure::internal`](crate::http::Failure::internal) asks this, so that handlers need not.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match error {
        Error::Io(_) | Error::Tls(_) | Error::PoolTimedOut | Error::PoolClosed => true,
        Error::Database(error) => error
            .code()
            .is_some_and(|code| STATES.iter().any(|class| code.starts_with(class)) || PASSING.contains(&&*code)),
        _ => false,
    }
}

/// Whether the database refused because of the constraint or unique index with this name.
#[must_use]
pub fn is_violation_of(error: &Error, constraint: &str) -> bool {
    error.as_database_error().and_then(|error| error.constraint()) == Some(constraint)
}
