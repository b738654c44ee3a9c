//! Table `idempotency_keys`: what was answered to a request that may come again.

use chassis::http::IdempotencyKey;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// What was asked and answered the first time.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Answered {
    /// The request, as it was read.
    pub request: String,
    pub answer: String,
}

#[derive(Debug, Clone, Copy)]
pub struct RequestKey<'a> {
    pub user: Uuid,
    pub operation: &'static str,
    pub key: &'a IdempotencyKey,
}

/// What was answered before, if the request came before. One that is under way is waited for: the
/// requests with one key take turns until their transactions end.
pub async fn take_turn(connection: &mut PgConnection, place: RequestKey<'_>) -> sqlx::Result<Option<Answered>> {
    let lock = format!("{}/{}/{}", place.user, place.operation, place.key.as_str());
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))").bind(lock).execute(&mut *connection).await?;
    sqlx::query_as("SELECT request, answer FROM idempotency_keys WHERE user_id = $1 AND operation = $2 AND key = $3")
        .bind(place.user)
        .bind(place.operation)
        .bind(place.key.as_str())
        .fetch_optional(connection)
        .await
}

/// Writes the answer down, in the transaction of what it tells of.
pub async fn insert(connection: &mut PgConnection, place: RequestKey<'_>, replay: &Answered) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO idempotency_keys (user_id, operation, key, request, answer) VALUES ($1, $2, $3, $4, $5)")
        .bind(place.user)
        .bind(place.operation)
        .bind(place.key.as_str())
        .bind(&replay.request)
        .bind(&replay.answer)
        .execute(connection)
        .await
        .map(drop)
}

/// Drops answers after 72 hours. Says how many there were.
pub async fn purge(pool: &PgPool) -> sqlx::Result<u64> {
    let purged = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '72 hours'");
    Ok(purged.execute(pool).await?.rows_affected())
}
