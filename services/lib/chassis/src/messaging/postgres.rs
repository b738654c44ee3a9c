//! The tables of messaging in a service's Postgres database.

use super::ledger::{Deed, Waiting};
use anyhow::Result;
use chrono::{DateTime, Days, NaiveDate, Utc, Weekday};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

/// Tables `outbox`, `inbox`, `inbox_versions`, `messages_waiting` and `dead_letter_audit`.
pub const SCHEMA: &str = include_str!("postgres.sql");

/// For how many days an event's entry in the inbox is kept at least, counted from when it was made.
const KEPT_DAYS: u64 = 60;
/// For how many days partitions are made ahead.
const AHEAD_DAYS: u64 = 14;

/// Makes the tables and the inbox's partitions; harmless when they are there.
///
/// # Errors
/// Fails when the database is away or the login does not own the schema.
pub async fn prepare(pool: &PgPool) -> Result<()> {
    let mut transaction = crate::postgres::begin(pool).await?;
    // Two processes that start at once would both find the tables missing.
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('messaging schema'))").execute(&mut *transaction).await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    transaction.commit().await?;
    keep_up(pool).await
}

/// Makes the inbox's partitions ahead, and drops old entries: to be called every hour.
pub(crate) async fn keep_up(pool: &PgPool) -> Result<()> {
    partition(pool, Utc::now().date_naive()).await
}

/// Makes the inbox's weekly partitions from `KEPT_DAYS` before `today` to `AHEAD_DAYS` after it, and
/// drops older ones. An event that is older still, or from further ahead, finds `inbox_other`.
pub(super) async fn partition(pool: &PgPool, today: NaiveDate) -> Result<()> {
    let first = (today - Days::new(KEPT_DAYS)).week(Weekday::Mon).first_day();
    let mut transaction = crate::postgres::begin(pool).await?;
    sqlx::raw_sql("SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock(hashtext('inbox partitions'))")
        .execute(&mut *transaction)
        .await?;
    let existing: Vec<String> = sqlx::query_scalar(
        "SELECT child.relname::text FROM pg_inherits
         JOIN pg_class child ON child.oid = inhrelid
         WHERE inhparent = 'inbox'::regclass AND child.relname <> 'inbox_other'",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let weeks = first.iter_weeks().take_while(|week| *week <= today + Days::new(AHEAD_DAYS));
    for week in weeks {
        let name = partition_name(week);
        if !existing.contains(&name) {
            let create = partition_of(&name, week);
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *transaction).await?;
        }
    }
    let oldest = partition_name(first);
    for name in existing.iter().filter(|name| **name < oldest) {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {name}"))).execute(&mut *transaction).await?;
    }
    sqlx::query("DELETE FROM inbox_other WHERE received_at < now() - interval '30 days'")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction.commit().await?)
}

/// Makes a week's partition, and takes over what `inbox_other` has of it: events whose time was further ahead than any
/// partition. Left there, they would forbid the partition.
fn partition_of(name: &str, week: NaiveDate) -> String {
    let next = week + Days::new(7);
    format!(
        "LOCK TABLE inbox_other IN ACCESS EXCLUSIVE MODE;
         CREATE TABLE {name} (LIKE inbox INCLUDING ALL);
         WITH early AS (DELETE FROM inbox_other WHERE event_day >= '{week}' AND event_day < '{next}' RETURNING *)
         INSERT INTO {name} SELECT * FROM early;
         ALTER TABLE inbox ATTACH PARTITION {name} FOR VALUES FROM ('{week}') TO ('{next}')"
    )
}

fn partition_name(week: NaiveDate) -> String {
    format!("inbox_{}", week.format("%Y%m%d"))
}

pub(super) async fn waiting(pool: &PgPool, consumer: &str) -> Result<Vec<Waiting>> {
    let rows: Vec<(String, Uuid, i64)> = sqlx::query_as(
        "SELECT subject, message_id, position FROM messages_waiting
         WHERE consumer = $1 ORDER BY subject, position",
    )
    .bind(consumer)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(|(subject, id, position)| Waiting { subject, id, position }).collect())
}

pub(super) async fn put_waiting(pool: &PgPool, consumer: &str, waiting: &Waiting) -> Result<()> {
    sqlx::query(
        "INSERT INTO messages_waiting (consumer, message_id, subject, position)
         VALUES ($1, $2, $3, $4) ON CONFLICT (consumer, message_id) DO NOTHING",
    )
    .bind(consumer)
    .bind(waiting.id)
    .bind(&waiting.subject)
    .bind(waiting.position)
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn remove_waiting(pool: &PgPool, consumer: &str, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM messages_waiting WHERE consumer = $1 AND message_id = $2")
        .bind(consumer)
        .bind(id)
        .execute(pool)
        .await?;
    Ok(())
}

pub(super) async fn note_deed(pool: &PgPool, deed: &Deed) -> Result<()> {
    sqlx::query(
        "INSERT INTO dead_letter_audit (consumer, message_id, subject, action, actor, reason, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&deed.consumer)
    .bind(deed.message_id)
    .bind(&deed.subject)
    .bind(&deed.action)
    .bind(&deed.actor)
    .bind(&deed.reason)
    .bind(deed.at)
    .execute(pool)
    .await?;
    Ok(())
}

pub(super) async fn deeds(pool: &PgPool, consumer: &str, limit: u32) -> Result<Vec<Deed>> {
    type Row = (Uuid, String, String, String, String, DateTime<Utc>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT message_id, subject, action, actor, reason, at FROM dead_letter_audit
         WHERE consumer = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(consumer)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await?;
    let deed = |(message_id, subject, action, actor, reason, at): Row| Deed {
        consumer: consumer.to_owned(),
        message_id,
        subject,
        action,
        actor,
        reason,
        at,
    };
    Ok(rows.into_iter().map(deed).collect())
}
