//! Table `account_deletions`.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

#[derive(Debug, FromRow)]
pub struct Row {
    pub requested_at: DateTime<Utc>,
    /// Why it was refused; nothing while it is under way.
    pub refused_as: Option<String>,
}

/// Notes that an account is to be deleted; `false` when its deletion is under way already. Holds off other
/// requests for the same account until the transaction ends.
pub async fn request(connection: &mut PgConnection, user_id: Uuid, saga_id: Uuid) -> sqlx::Result<bool> {
    let noted = sqlx::query(
        "INSERT INTO account_deletions AS known (user_id, saga_id, requested_at) VALUES ($1, $2, now())
         ON CONFLICT (user_id) DO UPDATE
         SET saga_id = excluded.saga_id, requested_at = excluded.requested_at, refused_as = NULL
         WHERE known.refused_as IS NOT NULL",
    )
    .bind(user_id)
    .bind(saga_id)
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Notes why the deletion that a saga saw to is refused.
pub async fn refuse(connection: &mut PgConnection, saga_id: Uuid, reason: &str) -> sqlx::Result<()> {
    sqlx::query("UPDATE account_deletions SET refused_as = $2 WHERE saga_id = $1")
        .bind(saga_id)
        .bind(reason)
        .execute(connection)
        .await
        .map(drop)
}

pub async fn of_user(pool: &PgPool, user_id: Uuid) -> sqlx::Result<Option<Row>> {
    sqlx::query_as("SELECT requested_at, refused_as FROM account_deletions WHERE user_id = $1")
        .bind(user_id)
        .fetch_optional(pool)
        .await
}
