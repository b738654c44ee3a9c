//! The tables `sagas` and `saga_history`.

mod record;

pub use record::{Record, Waiting};

use crate::machine::{Note, Shape};
use anyhow::Result;
use chrono::{DateTime, Utc};
use contracts::rest::sagas::{SagaEvent, SagaRecord, SagaStatus};
use record::{direction, direction_name};
use sqlx::{
    PgConnection, PgPool, Postgres, Row as _,
    postgres::{PgArguments, PgRow},
    query::Query,
};
use uuid::Uuid;

/// Makes the tables; harmless when they are there.
///
/// # Errors
/// Fails when the database is away or the login does not own the schema.
pub async fn prepare(pool: &PgPool) -> Result<()> {
    let mut transaction = pool.begin().await?;
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

const LINES: &str = "INSERT INTO saga_history (saga_id, at, event, step, direction, attempt, actor, code, message)
    SELECT $1, $2, event, step, direction, attempt, actor, code, message
    FROM unnest($3::text[], $4::text[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::text[])
         WITH ORDINALITY AS line (event, step, direction, attempt, actor, code, message, number)
    ORDER BY number";

/// Adds a saga, with the first lines of its history, in one statement.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    record: &Record,
    notes: &[Note],
    shape: &Shape,
) -> sqlx::Result<()> {
    let sql = format!(
        "WITH saga AS (
             INSERT INTO sagas (id, updated_at, status, step, direction, attempt, counted_from, waits_since, due_at, settled,
                 cause_code, cause_message, cause_step, cause_by, version, ended_at, data,
                 kind, subject, deadline, traceparent, started_at)
             VALUES ($1, $2, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
                 $25, $26, $27, $28, $2))
         {LINES}"
    );
    let query = with_state(with_lines(sqlx::query(sqlx::AssertSqlSafe(sql)), record, notes, shape), record);
    query
        .bind(&record.data)
        .bind(&record.kind)
        .bind(&record.subject)
        .bind(record.deadline)
        .bind(&record.traceparent)
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores where a saga stands now, what it knows if that changed, and the lines for its history, in
/// one statement.
pub(crate) async fn save(
    connection: &mut PgConnection,
    record: &Record,
    knows_more: bool,
    notes: &[Note],
    shape: &Shape,
) -> sqlx::Result<()> {
    let sql = format!(
        "WITH saga AS (
             UPDATE sagas SET updated_at = $2, status = $10, step = $11, direction = $12, attempt = $13, counted_from = $14,
                 waits_since = $15, due_at = $16, settled = $17, cause_code = $18, cause_message = $19, cause_step = $20,
                 cause_by = $21, version = $22, ended_at = $23, data = coalesce($24, data)
             WHERE id = $1)
         {LINES}"
    );
    let query = with_state(with_lines(sqlx::query(sqlx::AssertSqlSafe(sql)), record, notes, shape), record);
    query.bind(knows_more.then_some(&record.data)).execute(connection).await?;
    Ok(())
}

type Statement<'a> = Query<'a, Postgres, PgArguments>;

/// Binds `$1` to `$9`.
fn with_lines<'a>(query: Statement<'a>, record: &Record, notes: &[Note], shape: &Shape) -> Statement<'a> {
    let name = |note: &Note| note.step.map(|step| shape.stages[step].name);
    let texts = |pick: fn(&Note) -> Option<&String>| notes.iter().map(|note| pick(note).cloned()).collect::<Vec<_>>();
    query
        .bind(record.id)
        .bind(record.updated_at)
        .bind(notes.iter().map(|note| note.event.as_str()).collect::<Vec<_>>())
        .bind(notes.iter().map(name).collect::<Vec<_>>())
        .bind(notes.iter().map(|note| note.direction.map(direction_name)).collect::<Vec<_>>())
        .bind(notes.iter().map(|note| note.attempt.map(number)).collect::<Vec<_>>())
        .bind(texts(|note| note.by.as_ref()))
        .bind(texts(|note| note.code.as_ref()))
        .bind(texts(|note| note.message.as_ref()))
}

/// Binds `$10` to `$23`.
fn with_state<'a>(query: Statement<'a>, record: &'a Record) -> Statement<'a> {
    let (wait, cause) = (record.wait.as_ref(), record.cause.as_ref());
    query
        .bind(record.status.as_str())
        .bind(wait.map(|wait| &*wait.step))
        .bind(wait.map(|wait| direction_name(wait.direction)))
        .bind(wait.map(|wait| number(wait.attempt)))
        .bind(wait.map(|wait| number(wait.counted_from)))
        .bind(wait.map(|wait| wait.since))
        .bind(record.due)
        .bind(record.settled)
        .bind(cause.map(|cause| &*cause.code))
        .bind(cause.map(|cause| &*cause.message))
        .bind(cause.and_then(|cause| cause.step.as_deref()))
        .bind(cause.and_then(|cause| cause.by.as_deref()))
        .bind(record.version)
        .bind(record.ended_at)
}

fn number(attempt: u32) -> i32 {
    attempt.try_into().unwrap_or(i32::MAX)
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
        event: SagaEvent::parse(event).ok_or_else(unknown)?,
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
    sqlx::query_as(
        "SELECT * FROM sagas
         WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR kind = $2)
           AND ($3::text IS NULL OR subject = $3)
           AND ($4::timestamptz IS NULL OR (started_at, id) < ($4, $5))
         ORDER BY started_at DESC, id DESC LIMIT $6",
    )
    .bind(filter.status.map(SagaStatus::as_str))
    .bind(&filter.kind)
    .bind(&filter.subject)
    .bind(filter.after.map(|(at, _)| at))
    .bind(filter.after.map(|(_, id)| id))
    .bind(i64::from(filter.limit))
    .fetch_all(pool)
    .await
}

/// The sagas whose time has come and that nobody holds, the longest overdue first, each with the
/// trace that it belongs to.
pub(crate) async fn due(pool: &PgPool, now: DateTime<Utc>, limit: u32) -> sqlx::Result<Vec<(Uuid, Option<String>)>> {
    sqlx::query_as(
        "SELECT id, traceparent FROM sagas WHERE due_at <= $1 ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED",
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
}

/// Has the sweep leave a saga alone for a while.
pub(crate) async fn postpone(pool: &PgPool, id: Uuid, until: DateTime<Utc>) -> sqlx::Result<()> {
    let query = sqlx::query("UPDATE sagas SET due_at = $2 WHERE id = $1 AND due_at < $2");
    query.bind(id).bind(until).execute(pool).await.map(drop)
}

/// How many sagas stand how.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub(crate) struct Census {
    /// Those that need an operator.
    pub(crate) needing_attention: i64,
    /// Those that go on by themselves when their time comes.
    pub(crate) under_way: i64,
    /// How late the latest of them is, in seconds.
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
