//! A service's database, and how its transactions begin.

use super::Tx;
use sqlx::{Error, PgPool, Postgres, Transaction};
use std::sync::Arc;
use tokio::sync::watch;

/// A service's database. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Db {
    pool: PgPool,
    /// Rung by every transaction that has committed messages.
    written: Arc<watch::Sender<()>>,
}

impl From<PgPool> for Db {
    fn from(pool: PgPool) -> Self {
        Self { pool, written: Arc::default() }
    }
}

impl Db {
    /// The same database over other connections: what is written over either wakes the same relay.
    pub(super) fn over(&self, pool: PgPool) -> Self {
        Self { pool, written: Arc::clone(&self.written) }
    }

    /// Its connections, for what needs no transaction.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction. A caller that goes away meanwhile leaves none open.
    ///
    /// # Errors
    /// Fails when no connection is free in time, or the database is away.
    pub async fn begin(&self) -> sqlx::Result<Tx> {
        self.begin_with("BEGIN").await
    }

    /// Begins a transaction with a `BEGIN` of the caller's.
    ///
    /// # Errors
    /// Fails when no connection is free in time, or the database is away.
    pub async fn begin_with(&self, statement: &'static str) -> sqlx::Result<Tx> {
        Ok(Tx::new(begin_with(&self.pool, statement).await?, Arc::clone(&self.written)))
    }

    /// Hears of every transaction of this process that has committed messages, from now on.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<()> {
        self.written.subscribe()
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
