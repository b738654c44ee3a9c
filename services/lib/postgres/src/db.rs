//! A service's database, and how its transactions begin.

use super::Tx;
use chassis::store_metrics::CONNECTIONS;
use metrics::gauge;
use sqlx::{Error, PgPool, Postgres, Transaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;

/// A service's database. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    /// Rung by every transaction that has committed messages.
    written: Arc<watch::Sender<()>>,
    /// How many callers wait for a transaction to begin.
    waiting: Arc<AtomicUsize>,
}

impl From<PgPool> for Db {
    fn from(pool: PgPool) -> Self {
        Self { pool, written: Arc::default(), waiting: Arc::default() }
    }
}

impl Db {
    /// The same database over other connections: what is written over either wakes the same relay.
    pub(super) fn over(&self, pool: PgPool) -> Self {
        Self { pool, written: Arc::clone(&self.written), waiting: Arc::default() }
    }

    /// Its connections, for what needs no transaction.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction. A caller that goes away meanwhile leaves none open.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        self.begin_with("BEGIN").await
    }

    /// Begins a transaction with a `BEGIN` of the caller's.
    pub async fn begin_with(&self, statement: &'static str) -> sqlx::Result<Tx> {
        let _waits = Waits::count(&self.waiting);
        Ok(Tx::new(begin_with(&self.pool, statement).await?, Arc::clone(&self.written)))
    }

    /// Shows how many connections are used and idle, and how many callers wait for a transaction to begin, as those of
    /// `pool`.
    pub(crate) fn measure(&self, pool: &'static str) {
        let idle = self.pool.num_idle();
        let used = (self.pool.size() as usize).saturating_sub(idle);
        let waiting = self.waiting.load(Ordering::Relaxed);
        for (state, count) in [("used", used), ("idle", idle), ("waited_for", waiting)] {
            gauge!(CONNECTIONS, "store" => "postgres", "pool" => pool, "state" => state).set(count as f64);
        }
    }

    /// Hears of every transaction of this process that has committed messages, from now on.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<()> {
        self.written.subscribe()
    }
}

/// Counts a caller as long as it waits, or until it goes away.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn count(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Begins a transaction that writes no messages.
pub(crate) async fn begin(pool: &PgPool) -> sqlx::Result<Transaction<'static, Postgres>> {
    begin_with(pool, "BEGIN").await
}

/// Begins a transaction with a `BEGIN` of the caller's.
///
/// [`sqlx::Pool::begin_with`] must not be dropped before it ends, as a request's time limit or a client that hangs up
/// would: `BEGIN` has been sent, and the pool gets back a connection that it takes for idle. Whatever the next one
/// writes with it would be in a transaction that nobody commits (sqlx issue 4385). So a task of its own sees it to its end.
#[expect(clippy::disallowed_methods, reason = "the one place that sees it to its end")]
pub(crate) async fn begin_with(pool: &PgPool, statement: &'static str) -> sqlx::Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    begun.await.map_err(|_| Error::WorkerCrashed)?
}
