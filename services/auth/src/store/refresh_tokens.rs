//! Table `refresh_tokens`.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

pub struct New {
    pub token_hash: Vec<u8>,
    pub session_id: Uuid,
    /// The `jti` of the access token beside it.
    pub access_token_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// What came of using a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It was good, and is used up now.
    Good,
    Expired,
    Reused,
}

pub async fn insert(connection: &mut PgConnection, new: &New) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO refresh_tokens (token_hash, session_id, access_token_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&new.token_hash)
    .bind(new.session_id)
    .bind(new.access_token_id)
    .bind(new.created_at)
    .bind(new.expires_at)
    .execute(connection)
    .await
    .map(drop)
}

/// Uses a token up; its session is locked by the caller. A token that is gone counts as expired.
pub async fn use_up(connection: &mut PgConnection, token_hash: &[u8], now: DateTime<Utc>) -> sqlx::Result<Use> {
    let used = sqlx::query(
        "UPDATE refresh_tokens SET used_at = $2
         WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2",
    )
    .bind(token_hash)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if used.rows_affected() == 1 {
        return Ok(Use::Good);
    }
    let was_used: Option<bool> =
        sqlx::query_scalar("SELECT used_at IS NOT NULL FROM refresh_tokens WHERE token_hash = $1")
            .bind(token_hash)
            .fetch_optional(connection)
            .await?;
    Ok(if was_used == Some(true) { Use::Reused } else { Use::Expired })
}

/// Removes up to `most` expired tokens, whatever became of their session; tells how many.
pub async fn purge(pool: &PgPool, now: DateTime<Utc>, most: i64) -> sqlx::Result<u64> {
    let purge = sqlx::query(
        "DELETE FROM refresh_tokens WHERE token_hash IN
         (SELECT token_hash FROM refresh_tokens WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)",
    );
    Ok(purge.bind(now).bind(most).execute(pool).await?.rows_affected())
}
