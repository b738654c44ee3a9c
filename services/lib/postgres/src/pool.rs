//! Connections to a Postgres server that may become a standby at any time.

use anyhow::Context as _;
use chassis::config::Postgres;
use contracts::patience::{CONNECTION, STATEMENT};
use secrecy::ExposeSecret as _;
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

/// Up to `most` connections, made when they are needed.
pub fn pool(settings: &Postgres, most: u32) -> anyhow::Result<PgPool> {
    connect(settings, most, STATEMENT)
}

pub(crate) fn connect(settings: &Postgres, most: u32, statement: Duration) -> anyhow::Result<PgPool> {
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
