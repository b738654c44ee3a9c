//! Table `histories`: what was read from the log of events, to its end.

use sqlx::PgPool;

/// Whether the history of this name was read.
///
/// # Errors
/// Fails when the database does.
pub async fn is_read(pool: &PgPool, name: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM histories WHERE name = $1)").bind(name).fetch_one(pool).await
}

/// Notes that the history of this name was read.
///
/// # Errors
/// Fails when the database does.
pub async fn note(pool: &PgPool, name: &str) -> sqlx::Result<()> {
    let insert = sqlx::query("INSERT INTO histories (name) VALUES ($1) ON CONFLICT DO NOTHING");
    insert.bind(name).execute(pool).await.map(drop)
}
