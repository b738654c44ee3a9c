//! Table `signing_keys`.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

/// Taken by whoever changes keys, until the transaction ends ("auth keys" in ASCII).
const LOCK: i64 = 0x6175_7468_6b65_7973;

#[derive(FromRow)]
pub struct Row {
    /// The `kid`.
    pub id: String,
    /// 32 bytes.
    pub public_key: Vec<u8>,
    /// The private key, sealed; gone when the key signs no longer.
    pub sealed_key: Option<Vec<u8>>,
    pub created_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
    /// Until when it verifies, once it has a successor.
    pub verifies_until: Option<DateTime<Utc>>,
}

/// Makes all other processes wait until the transaction ends.
pub async fn lock(connection: &mut PgConnection) -> sqlx::Result<()> {
    let query = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK);
    query.execute(connection).await.map(drop)
}

pub async fn newest(connection: &mut PgConnection) -> sqlx::Result<Option<Row>> {
    sqlx::query_as(
        "SELECT id, public_key, sealed_key, created_at, signs_from, verifies_until
         FROM signing_keys WHERE signs_until IS NULL",
    )
    .fetch_optional(connection)
    .await
}

/// Every key, newest first.
pub async fn all(pool: &PgPool) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as(
        "SELECT id, public_key, sealed_key, created_at, signs_from, verifies_until
         FROM signing_keys ORDER BY signs_from DESC, created_at DESC",
    )
    .fetch_all(pool)
    .await
}

pub async fn insert(connection: &mut PgConnection, row: &Row) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO signing_keys (id, public_key, sealed_key, created_at, signs_from)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&row.id)
    .bind(&row.public_key)
    .bind(&row.sealed_key)
    .bind(row.created_at)
    .bind(row.signs_from)
    .execute(connection)
    .await
    .map(drop)
}

/// Sets the end of a key that gets a successor.
pub async fn retire(
    connection: &mut PgConnection,
    id: &str,
    signs_until: DateTime<Utc>,
    verifies_until: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE signing_keys SET signs_until = $2, verifies_until = $3 WHERE id = $1")
        .bind(id)
        .bind(signs_until)
        .bind(verifies_until)
        .execute(connection)
        .await
        .map(drop)
}

/// Destroys the private halves of keys that sign no longer.
pub async fn destroy_private(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("UPDATE signing_keys SET sealed_key = NULL WHERE signs_until <= $1 AND sealed_key IS NOT NULL")
        .bind(now)
        .execute(connection)
        .await
        .map(drop)
}

/// Removes keys of which no valid token is left.
pub async fn remove(connection: &mut PgConnection, now: DateTime<Utc>) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM signing_keys WHERE verifies_until <= $1").bind(now);
    query.execute(connection).await.map(drop)
}
