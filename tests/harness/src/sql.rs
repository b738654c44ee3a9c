//! Looks into a Postgres database, and changes it past the service.

use crate::PATIENCE;
use sqlx::{AssertSqlSafe, PgPool};

/// The number that a query gives.
pub async fn count(pool: &PgPool, sql: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await.unwrap()
}

/// Runs a statement.
///
/// # Errors
/// Fails when the database refuses.
pub async fn execute(pool: &PgPool, sql: &str) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await.map(drop)
}

/// Waits until a query of one boolean says so.
pub async fn eventually(pool: &PgPool, what: &str, sql: &str) {
    let seen = async || {
        let is_so = sqlx::query_scalar::<_, bool>(AssertSqlSafe(sql.to_owned())).fetch_one(pool).await?;
        Ok(is_so.then_some(()))
    };
    kit::eventually(PATIENCE, what, seen).await.unwrap();
}

/// Waits until a transaction waits for what another one holds.
pub async fn somebody_waits(pool: &PgPool) {
    let waiting =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(pool, "a transaction to wait", waiting).await;
}
