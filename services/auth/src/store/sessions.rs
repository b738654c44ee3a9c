//! Table `sessions`. Its row is the lock of a session: whoever changes anything about one takes it first.

use crate::domain::Ended;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

#[derive(FromRow)]
pub struct Row {
    pub id: Uuid,
    pub user_id: Uuid,
    /// Whether it ended before its time.
    pub is_revoked: bool,
}

pub async fn insert(
    connection: &mut PgConnection,
    id: Uuid,
    user_id: Uuid,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO sessions (id, user_id, created_at, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(user_id)
        .bind(now)
        .bind(expires_at)
        .execute(connection)
        .await
        .map(drop)
}

/// The session that a refresh token belongs to, locked.
///
/// The subquery finds the id alone; everything that can change is read under the lock.
pub async fn lock_by_token(connection: &mut PgConnection, token_hash: &[u8]) -> sqlx::Result<Option<Row>> {
    sqlx::query_as(
        "SELECT id, user_id, revoked_at IS NOT NULL AS is_revoked FROM sessions
         WHERE id = (SELECT session_id FROM refresh_tokens WHERE token_hash = $1) FOR UPDATE",
    )
    .bind(token_hash)
    .fetch_optional(connection)
    .await
}

/// The id of the session in which an access token was issued.
pub async fn of_access_token(pool: &PgPool, access_token_id: Uuid, user_id: Uuid) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar(
        "SELECT id FROM sessions
         WHERE user_id = $2 AND id = (SELECT session_id FROM refresh_tokens WHERE access_token_id = $1)",
    )
    .bind(access_token_id)
    .bind(user_id)
    .fetch_optional(pool)
    .await
}

/// The session in which an access token was issued, locked.
pub async fn lock_by_access_token(
    connection: &mut PgConnection,
    access_token_id: Uuid,
    user_id: Uuid,
) -> sqlx::Result<Option<Row>> {
    sqlx::query_as(
        "SELECT id, user_id, revoked_at IS NOT NULL AS is_revoked FROM sessions
         WHERE user_id = $2
           AND id = (SELECT session_id FROM refresh_tokens WHERE access_token_id = $1) FOR UPDATE",
    )
    .bind(access_token_id)
    .bind(user_id)
    .fetch_optional(connection)
    .await
}

pub async fn prolong(connection: &mut PgConnection, id: Uuid, expires_at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("UPDATE sessions SET expires_at = $2 WHERE id = $1")
        .bind(id)
        .bind(expires_at)
        .execute(connection)
        .await
        .map(drop)
}

/// Ends a session, unless it has ended; tells whether it did.
pub async fn revoke(connection: &mut PgConnection, id: Uuid, why: Ended) -> sqlx::Result<bool> {
    let ended = sqlx::query(
        "UPDATE sessions SET revoked_at = now(), revoked_because = $2
         WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(why.into_str())
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Ends every session of a user but one; tells how many.
pub async fn revoke_others(connection: &mut PgConnection, user_id: Uuid, kept: Uuid, why: Ended) -> sqlx::Result<u64> {
    let ended = sqlx::query(
        "UPDATE sessions SET revoked_at = now(), revoked_because = $3
         WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL",
    )
    .bind(user_id)
    .bind(kept)
    .bind(why.into_str())
    .execute(connection)
    .await?;
    Ok(ended.rows_affected())
}

/// Removes up to `most` expired sessions with their tokens; tells how many.
pub async fn purge(pool: &PgPool, now: DateTime<Utc>, most: i64) -> sqlx::Result<u64> {
    let purge = sqlx::query(
        "DELETE FROM sessions WHERE id IN
         (SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    );
    Ok(purge.bind(now).bind(most).execute(pool).await?.rows_affected())
}
