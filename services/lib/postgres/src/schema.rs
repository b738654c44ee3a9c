//! The tables of messaging in a service's Postgres database.

use crate::db::begin;
use anyhow::Result;
use chrono::{Days, NaiveDate, Utc, Weekday};
use sqlx::{AssertSqlSafe, PgPool};

/// Tables `outbox`, `inbox`, `inbox_versions`, `messages_waiting` and `dead_letter_audit`.
const SCHEMA: &str = include_str!("messaging.sql");

/// For how many days an event's entry in the inbox is kept at least, counted from when it was made.
const KEPT_DAYS: u64 = 60;
/// For how many days partitions are made ahead.
const AHEAD_DAYS: u64 = 14;

/// Makes the tables and the inbox's partitions; harmless when they are there.
/// The login must own the schema.
pub async fn prepare(pool: &PgPool) -> Result<()> {
    let mut transaction = begin(pool).await?;
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
async fn partition(pool: &PgPool, today: NaiveDate) -> Result<()> {
    let first = (today - Days::new(KEPT_DAYS)).week(Weekday::Mon).first_day();
    let mut transaction = begin(pool).await?;
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
