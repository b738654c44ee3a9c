//! Table `idempotency_keys`.

use crate::error::Error;
use chassis::postgres::is_violation_of;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// Which request it is.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who sent it.
    pub user: Uuid,
    /// What it asks for.
    pub operation: &'a str,
    /// What tells it from others.
    pub key: &'a str,
    /// SHA-256 of its canonical body.
    pub fingerprint: &'a [u8],
}

/// Begins a request in the transaction of `connection`; gives what was answered when it came before.
///
/// # Errors
/// [`Error::IdempotencyMismatch`] when the key came with another body; [`Error::IdempotencyInProgress`]
/// while another transaction works on it.
pub async fn begin(connection: &mut PgConnection, request: Request<'_>) -> Result<Option<Value>, Error> {
    // The lock ends with the transaction, or with the process.
    let (is_first, fingerprint, answer): (bool, Option<Vec<u8>>, Option<Value>) = sqlx::query_as(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || '/' || $2 || '/' || $3, 0)), fingerprint, answer
         FROM (SELECT) AS one
         LEFT JOIN idempotency_keys ON auth_user_id = $1 AND operation = $2 AND key = $3",
    )
    .bind(request.user)
    .bind(request.operation)
    .bind(request.key)
    .fetch_one(connection)
    .await?;
    match (fingerprint, answer) {
        (Some(known), Some(answer)) if known == request.fingerprint => Ok(Some(answer)),
        (Some(_), _) => Err(Error::IdempotencyMismatch),
        _ if !is_first => Err(Error::IdempotencyInProgress),
        _ => Ok(None),
    }
}

/// Notes what is answered to a request that was begun.
///
/// # Errors
/// [`Error::IdempotencyInProgress`] when another transaction was quicker: it committed between our look
/// at the table and our lock. The next time its answer is found.
pub async fn finish(connection: &mut PgConnection, request: Request<'_>, answer: &Value) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (auth_user_id, operation, key, fingerprint, answer) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(request.user)
    .bind(request.operation)
    .bind(request.key)
    .bind(request.fingerprint)
    .bind(answer)
    .execute(connection)
    .await
    .map(drop)
    .map_err(|error| {
        let is_taken = is_violation_of(&error, "idempotency_keys_pkey");
        if is_taken { Error::IdempotencyInProgress } else { error.into() }
    })
}

/// Forgets up to `most` requests that are older than 72 hours; tells how many.
///
/// # Errors
/// Fails when the database does.
pub async fn purge(pool: &PgPool, most: i64) -> sqlx::Result<u64> {
    let purged = sqlx::query(
        "DELETE FROM idempotency_keys WHERE ctid IN (
             SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '72 hours' LIMIT $1)",
    )
    .bind(most)
    .execute(pool)
    .await?;
    Ok(purged.rows_affected())
}
