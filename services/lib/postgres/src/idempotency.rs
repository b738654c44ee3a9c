//! Table `idempotency_keys`: what was answered to requests that may come again. A service's migrations make it.
//!
//! A key is held by a lock that ends with the transaction, or with its process; its row is written with what the request
//! does. A transaction that fails leaves neither.

use chassis::http::KeyedRequest;
use chassis::http::idempotency::{Earlier, KEPT, KeyRefused};
use serde::Serialize;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool};

/// How many rows one statement drops: few enough that nobody waits for its locks.
const PURGED_AT_ONCE: u32 = 1_000;

/// Takes the key until the transaction ends, and says what is known of the request.
pub async fn begin(connection: &mut PgConnection, request: &KeyedRequest) -> sqlx::Result<Earlier> {
    let (is_locked, is_same, answer) = sqlx::query_as(
        "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)), known.fingerprint = $2, known.answer
         FROM (VALUES (true)) AS asked LEFT JOIN idempotency_keys known
             ON known.auth_user_id = $3 AND known.operation = $4 AND known.key = $5",
    )
    .bind(request.scope())
    .bind(request.fingerprint)
    .bind(request.user)
    .bind(request.operation.as_ref())
    .bind(request.key.as_str())
    .fetch_one(connection)
    .await?;
    Ok(earlier(is_locked, is_same, answer))
}

/// What a request's lock and row say: whether the lock is ours, whether the row is of the same body, and its answer.
pub fn earlier(is_locked: bool, is_same: Option<bool>, answer: Option<Value>) -> Earlier {
    match (is_same, answer) {
        (Some(true), Some(answer)) => Ok(Some(answer)),
        (Some(_), _) => Err(KeyRefused::Mismatch),
        (None, _) if !is_locked => Err(KeyRefused::InProgress),
        (None, _) => Ok(None),
    }
}

/// Keeps the answer, in the transaction of what it tells of.
///
/// [`KeyRefused::InProgress`] when another transaction wrote one between our look at the table and our lock: the next try
/// finds it.
pub async fn keep(
    connection: &mut PgConnection,
    request: &KeyedRequest,
    answer: &(impl Serialize + Sync),
) -> sqlx::Result<Result<(), KeyRefused>> {
    let kept = sqlx::query(
        "INSERT INTO idempotency_keys (auth_user_id, operation, key, fingerprint, answer) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING",
    )
    .bind(request.user)
    .bind(request.operation.as_ref())
    .bind(request.key.as_str())
    .bind(request.fingerprint)
    .bind(Json(answer))
    .execute(connection)
    .await?;
    Ok(if kept.rows_affected() == 1 { Ok(()) } else { Err(KeyRefused::InProgress) })
}

/// Forgets keys whose time is over. Says how many there were.
pub async fn purge(pool: &PgPool) -> sqlx::Result<u64> {
    let mut count = 0;
    loop {
        let purged = sqlx::query(
            "DELETE FROM idempotency_keys WHERE ctid IN (
                 SELECT ctid FROM idempotency_keys WHERE created_at < now() - $1 LIMIT $2)",
        )
        .bind(KEPT)
        .bind(i64::from(PURGED_AT_ONCE))
        .execute(pool)
        .await?
        .rows_affected();
        count += purged;
        if purged < u64::from(PURGED_AT_ONCE) {
            return Ok(count);
        }
    }
}
