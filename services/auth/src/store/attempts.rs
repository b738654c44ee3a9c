//! Table `attempts`: limits by the generic cell rate algorithm (GCRA), in one statement.

use chrono::TimeDelta;
use sqlx::PgPool;

/// Counts an attempt, or refuses it and tells how long to wait.
///
/// `due` is how far ahead of the clock the subject's attempts have run; each moves it on by `each`,
/// and it may run ahead by `ahead` at most. One row lock makes this exact across processes. The
/// clock is the database's: the only one that all of them share.
pub async fn count(
    pool: &PgPool,
    subject: &[u8],
    each: TimeDelta,
    ahead: TimeDelta,
) -> sqlx::Result<Option<TimeDelta>> {
    let counted = sqlx::query(
        "INSERT INTO attempts (subject, due) VALUES ($1, clock_timestamp() + $2)
         ON CONFLICT (subject) DO UPDATE SET due = greatest(attempts.due, clock_timestamp()) + $2
         WHERE attempts.due <= clock_timestamp() + $3",
    )
    .bind(subject)
    .bind(each)
    .bind(ahead)
    .execute(pool)
    .await?;
    if counted.rows_affected() == 1 {
        return Ok(None);
    }
    let wait: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM due - $2 - clock_timestamp())::float8 FROM attempts WHERE subject = $1",
    )
    .bind(subject)
    .bind(ahead)
    .fetch_optional(pool)
    .await?;
    #[allow(clippy::cast_possible_truncation)]
    let milliseconds = (wait.unwrap_or_default() * 1_000.0).ceil() as i64;
    Ok(Some(TimeDelta::milliseconds(milliseconds.max(1))))
}

pub async fn forget(pool: &PgPool, subject: &[u8]) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM attempts WHERE subject = $1").bind(subject);
    query.execute(pool).await.map(drop)
}

/// Removes up to `most` subjects that the clock has caught up with; tells how many.
pub async fn purge(pool: &PgPool, most: i64) -> sqlx::Result<u64> {
    let purge = sqlx::query(
        "DELETE FROM attempts WHERE subject IN
         (SELECT subject FROM attempts WHERE due <= clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED)",
    );
    Ok(purge.bind(most).execute(pool).await?.rows_affected())
}
