//! The tables `sagas` and `saga_history`.

mod change;
mod record;

use anyhow::Result;
pub(crate) use change::{Change, save};
use chrono::{DateTime, Utc};
use contracts::rest::sagas::{SagaRecord, SagaStatus};
use postgres::Db;
use record::direction;
pub use record::{Record, Waiting};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, QueryBuilder, Row as _};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Makes the tables; harmless when they are there.
///
/// # Errors
/// Fails when the database is away or the login does not own the schema.
pub async fn prepare(db: &Db) -> Result<()> {
    let mut transaction = db.begin().await?;
    // Two processes that start at once would both find the tables missing.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('saga schema'))").execute(&mut *transaction).await?;
    sqlx::raw_sql(include_str!("postgres.sql")).execute(&mut *transaction).await?;
    Ok(transaction.commit().await?)
}

/// What happens when another transaction holds the saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Waits for it.
    Wait,
    /// Finds nothing.
    Skip,
}

/// Reads a saga and keeps it from others until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid, lock: Lock) -> sqlx::Result<Option<Record>> {
    let sql = match lock {
        Lock::Wait => "SELECT * FROM sagas WHERE id = $1 FOR UPDATE",
        Lock::Skip => "SELECT * FROM sagas WHERE id = $1 FOR UPDATE SKIP LOCKED",
    };
    sqlx::query_as(sql).bind(id).fetch_optional(connection).await
}

/// Reads sagas and keeps them from others until the transaction ends. Everybody takes several in the order of ids.
pub(crate) async fn lock_all(connection: &mut PgConnection, ids: &BTreeSet<Uuid>) -> sqlx::Result<Vec<Record>> {
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let query = sqlx::query_as("SELECT * FROM sagas WHERE id = ANY($1) ORDER BY id FOR UPDATE");
    query.bind(ids).fetch_all(connection).await
}

/// Reads a saga as it is.
pub(crate) async fn find(pool: &PgPool, id: Uuid) -> sqlx::Result<Option<Record>> {
    sqlx::query_as("SELECT * FROM sagas WHERE id = $1").bind(id).fetch_optional(pool).await
}

/// Reads everything that happened to a saga, in order.
pub(crate) async fn history(pool: &PgPool, id: Uuid) -> sqlx::Result<Vec<SagaRecord>> {
    let rows = sqlx::query(
        "SELECT at, event, step, direction, attempt, actor, code, message FROM saga_history
         WHERE saga_id = $1 ORDER BY position",
    );
    rows.bind(id).try_map(|row| line(&row)).fetch_all(pool).await
}

fn line(row: &PgRow) -> sqlx::Result<SagaRecord> {
    let event: &str = row.try_get("event")?;
    let unknown = || sqlx::Error::Decode(format!("there is no event {event}").into());
    Ok(SagaRecord {
        at: row.try_get("at")?,
        event: event.parse().map_err(|_| unknown())?,
        step: row.try_get("step")?,
        direction: row.try_get::<Option<&str>, _>("direction")?.map(direction),
        attempt: row.try_get::<Option<i32>, _>("attempt")?.map(i32::unsigned_abs),
        by: row.try_get("actor")?,
        code: row.try_get("code")?,
        message: row.try_get("message")?,
    })
}

/// Which sagas are meant.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Only those that stand so.
    pub status: Option<SagaStatus>,
    /// Only those of this kind.
    pub kind: Option<String>,
    /// Only those about this.
    pub subject: Option<String>,
    /// Only those that were started before this one: its start and id.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// How many at most.
    pub limit: u32,
}

/// Reads sagas, the latest first.
pub(crate) async fn list(pool: &PgPool, filter: &Filter) -> sqlx::Result<Vec<Record>> {
    // Only what is asked for stands in the statement: the plan of one for all cases would use none of their indices.
    let mut query = QueryBuilder::new("SELECT * FROM sagas WHERE true");
    if let Some(status) = filter.status {
        // Written out: a partial index does not serve a parameter.
        query.push(format_args!(" AND status = '{}'", status.into_str()));
    }
    if let Some(kind) = &filter.kind {
        query.push(" AND kind = ").push_bind(kind);
    }
    if let Some(subject) = &filter.subject {
        query.push(" AND subject = ").push_bind(subject);
    }
    if let Some((at, id)) = filter.after {
        query.push(" AND (started_at, id) < (").push_bind(at).push(", ").push_bind(id).push(")");
    }
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(i64::from(filter.limit));
    query.build_query_as().fetch_all(pool).await
}

/// The sagas whose time has come, that nobody holds and that are not left alone, the longest overdue first, each with
/// the trace that it belongs to, and whether its command is still in the outbox.
pub(crate) async fn due(
    pool: &PgPool,
    now: DateTime<Utc>,
    limit: u32,
) -> sqlx::Result<Vec<(Uuid, Option<String>, bool)>> {
    sqlx::query_as(
        "SELECT id, traceparent, EXISTS (SELECT FROM outbox WHERE outbox.id = command_id) FROM sagas WHERE due_at <= $1 AND coalesce(not_before <= $1, true)
         ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Has the sweep leave a saga alone for a while, unless it moves meanwhile. It stays overdue.
pub(crate) async fn postpone(pool: &PgPool, id: Uuid, until: DateTime<Utc>) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE sagas SET not_before = $2 WHERE id = $1 AND due_at < $2");
    query.bind(id).bind(until).execute(pool).await.map(drop)
}

/// Deletes sagas that began before `before` and are over; those that are only completed, if they are `irrevocable`.
pub(crate) async fn forget(
    pool: &PgPool,
    before: DateTime<Utc>,
    irrevocable: &[&str],
    limit: u32,
) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "WITH old AS MATERIALIZED (
             SELECT id FROM sagas
             WHERE started_at < $1
               AND (status IN ('closed', 'compensated', 'settled') OR status = 'completed' AND kind = ANY($2))
             ORDER BY started_at LIMIT $3 FOR UPDATE SKIP LOCKED),
         story AS (DELETE FROM saga_history USING old WHERE saga_id = old.id),
         gone AS (DELETE FROM sagas USING old WHERE sagas.id = old.id RETURNING sagas.id)
         SELECT count(*) FROM gone",
    )
    .bind(before)
    .bind(irrevocable)
    .bind(i64::from(limit))
    .fetch_one(pool)
    .await
}

/// How many sagas stand how.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub(crate) struct Census {
    /// Those that need an operator.
    pub(crate) needing_attention: i64,
    /// Those that go on by themselves when their time comes.
    pub(crate) under_way: i64,
    /// How late the latest of them is, in seconds; also one that the sweep cannot move.
    pub(crate) overdue: f64,
}

/// Counts the sagas.
pub(crate) async fn census(pool: &PgPool) -> sqlx::Result<Census> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM sagas WHERE status = 'needs_attention') AS needing_attention,
                count(*) AS under_way,
                coalesce(greatest(extract(epoch FROM clock_timestamp() - min(due_at)), 0), 0)::float8 AS overdue
         FROM sagas WHERE due_at IS NOT NULL",
    )
    .fetch_one(pool)
    .await
}
