//! Table `idempotency_keys`.

use crate::error::Error;
use postgres::{column, is_violation_of};
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use std::collections::HashSet;
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

/// What becomes of a request: nothing yet, what was answered when it came before, or a refusal.
pub type Begun = Result<Option<Value>, Error>;

/// Begins requests in the transaction of `connection`; says of each, in order, what was answered when it came before.
///
/// [`Error::IdempotencyMismatch`] is for one whose key came with another body, [`Error::IdempotencyInProgress`] for one
/// that another transaction works on, or that stands here twice.
///
/// # Errors
/// Fails when the database does.
pub async fn begin(connection: &mut PgConnection, requests: &[Request<'_>]) -> Result<Vec<Begun>, Error> {
    // The locks end with the transaction, or with the process.
    let rows: Vec<(bool, Option<Vec<u8>>, Option<Value>)> = sqlx::query_as(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(auth_user_id::text || '/' || operation || '/' || key, 0)),
                fingerprint, answer
         FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (auth_user_id, operation, key, place)
         LEFT JOIN idempotency_keys USING (auth_user_id, operation, key)
         ORDER BY place",
    )
    .bind(column(requests, |request| request.user))
    .bind(column(requests, |request| request.operation))
    .bind(column(requests, |request| request.key))
    .fetch_all(connection)
    .await?;
    let mut seen = HashSet::new();
    let begun = requests.iter().zip(rows).map(|(request, (is_locked, fingerprint, answer))| {
        let is_first = is_locked && seen.insert((request.user, request.operation, request.key));
        match (fingerprint, answer) {
            (Some(known), Some(answer)) if known == request.fingerprint => Ok(Some(answer)),
            (Some(_), _) => Err(Error::IdempotencyMismatch),
            _ if !is_first => Err(Error::IdempotencyInProgress),
            _ => Ok(None),
        }
    });
    Ok(begun.collect())
}

/// Notes what is answered to requests that were begun.
///
/// # Errors
/// [`Error::IdempotencyInProgress`] when another transaction was quicker with one of them: it committed between our
/// look at the table and our lock. The next time its answer is found.
pub async fn finish(connection: &mut PgConnection, answers: &[(Request<'_>, Value)]) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO idempotency_keys (auth_user_id, operation, key, fingerprint, answer)
         SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::jsonb[])",
    )
    .bind(column(answers, |(request, _)| request.user))
    .bind(column(answers, |(request, _)| request.operation))
    .bind(column(answers, |(request, _)| request.key))
    .bind(column(answers, |(request, _)| request.fingerprint))
    .bind(column(answers, |(_, answer)| answer))
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
