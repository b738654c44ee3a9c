//! Table `known_networks`: from where accounts were logged in to.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// For how long a network is known after the last log-in from it.
const KEPT: TimeDelta = TimeDelta::days(90);

pub async fn note(connection: &mut PgConnection, subject: &[u8], user_id: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO known_networks (subject, user_id, seen_at) VALUES ($1, $2, now())
         ON CONFLICT (subject) DO UPDATE SET user_id = excluded.user_id, seen_at = excluded.seen_at",
    )
    .bind(subject)
    .bind(user_id)
    .execute(connection)
    .await
    .map(drop)
}

pub async fn contains(pool: &PgPool, subject: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM known_networks WHERE subject = $1 AND seen_at > $2)")
        .bind(subject)
        .bind(Utc::now() - KEPT)
        .fetch_one(pool)
        .await
}

pub async fn forget(connection: &mut PgConnection, user_id: Uuid) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM known_networks WHERE user_id = $1").bind(user_id);
    query.execute(connection).await.map(drop)
}

/// Removes up to `most` networks that were not seen for ninety days; tells how many.
pub async fn purge(pool: &PgPool, now: DateTime<Utc>, most: i64) -> sqlx::Result<u64> {
    let purge = sqlx::query(
        "DELETE FROM known_networks WHERE subject IN
         (SELECT subject FROM known_networks WHERE seen_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    );
    Ok(purge.bind(now - KEPT).bind(most).execute(pool).await?.rows_affected())
}
