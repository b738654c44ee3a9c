//! Table `reservations`.

use super::pieces;
use crate::domain::{Items, Refusal};
use chrono::{DateTime, Utc};
use contracts::rest::inventory::{Reservation as Seen, ReservationItem, ReservationStatus as Status};
use postgres::column;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgConnection, PgPool, Row};
use std::collections::HashSet;
use uuid::Uuid;

/// What one step of an order's saga set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub id: Uuid,
    pub saga_id: Uuid,
    pub step: String,
    pub orders_order_id: Uuid,
    pub status: Status,
    pub items: Items,
    /// What was answered, where it was refused: for a program, and for a person.
    pub refusal: Option<(String, String)>,
    /// When it expires, if it is open.
    pub expires_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl FromRow<'_, PgRow> for Reservation {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let (products, quantities): (Vec<Uuid>, Vec<i64>) = (row.try_get("product_ids")?, row.try_get("quantities")?);
        let (code, message): (Option<_>, Option<_>) = (row.try_get("refusal_code")?, row.try_get("refusal_message")?);
        let status: &str = row.try_get("status")?;
        Ok(Self {
            id: row.try_get("id")?,
            saga_id: row.try_get("saga_id")?,
            step: row.try_get("step")?,
            orders_order_id: row.try_get("orders_order_id")?,
            // The table's check lets no other in.
            status: status.parse().unwrap_or(Status::Tombstone),
            items: Items::stored(products.into_iter().zip(quantities.into_iter().map(pieces))),
            refusal: code.zip(message),
            expires_at: row.try_get("expires_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl From<Reservation> for Seen {
    fn from(reservation: Reservation) -> Self {
        let items = reservation.items.iter().map(|(product_id, quantity)| ReservationItem { product_id, quantity });
        Self {
            items: items.collect(),
            id: reservation.id,
            saga_id: reservation.saga_id,
            step: reservation.step,
            orders_order_id: reservation.orders_order_id,
            status: reservation.status,
            refusal: reservation.refusal.map(|(code, _)| code),
            expires_at: reservation.expires_at,
            created_at: reservation.created_at,
            updated_at: reservation.updated_at,
        }
    }
}

/// Adds reservations, except those whose step has one; tells the ids of those that it added. One that is being added by
/// another transaction is waited for.
pub async fn insert(connection: &mut PgConnection, reservations: &[Reservation]) -> sqlx::Result<HashSet<Uuid>> {
    // An array in an array has one length for all, so each reservation's come as text.
    let array = |members: Vec<String>| format!("{{{}}}", members.join(","));
    let products = |it: &Reservation| array(it.items.iter().map(|(product, _)| product.to_string()).collect());
    let quantities = |it: &Reservation| array(it.items.iter().map(|(_, quantity)| quantity.to_string()).collect());
    let added: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO reservations (id, saga_id, step, orders_order_id, status, product_ids, quantities, expires_at,
             created_at, updated_at)
         SELECT id, saga_id, step, orders_order_id, status, product_ids::uuid[], quantities::bigint[], expires_at,
             created_at, created_at
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[], $9::timestamptz[])
              AS new (id, saga_id, step, orders_order_id, status, product_ids, quantities, expires_at, created_at)
         ON CONFLICT ON CONSTRAINT reservations_saga_step_key DO NOTHING RETURNING id",
    )
    .bind(column(reservations, |it| it.id))
    .bind(column(reservations, |it| it.saga_id))
    .bind(column(reservations, |it| &*it.step))
    .bind(column(reservations, |it| it.orders_order_id))
    .bind(column(reservations, |it| it.status.into_str()))
    .bind(column(reservations, products))
    .bind(column(reservations, quantities))
    .bind(column(reservations, |it| it.expires_at))
    .bind(column(reservations, |it| it.created_at))
    .fetch_all(connection)
    .await?;
    Ok(HashSet::from_iter(added))
}

/// The reservation of a saga's step, locked.
pub async fn lock(connection: &mut PgConnection, saga: Uuid, step: &str) -> sqlx::Result<Option<Reservation>> {
    sqlx::query_as("SELECT * FROM reservations WHERE saga_id = $1 AND step = $2 FOR NO KEY UPDATE")
        .bind(saga)
        .bind(step)
        .fetch_optional(connection)
        .await
}

pub async fn lock_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Reservation>> {
    sqlx::query_as("SELECT * FROM reservations WHERE id = $1 FOR NO KEY UPDATE")
        .bind(id)
        .fetch_optional(connection)
        .await
}

pub async fn lock_sagas(connection: &mut PgConnection, sagas: &[Uuid]) -> sqlx::Result<Vec<Reservation>> {
    sqlx::query_as("SELECT * FROM reservations WHERE saga_id = ANY($1) ORDER BY saga_id, step FOR NO KEY UPDATE")
        .bind(sagas)
        .fetch_all(connection)
        .await
}

/// Some open reservations made at `earliest` or later whose time is over, locked; those that others work on are left to
/// them.
pub async fn lock_expired(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    earliest: DateTime<Utc>,
    limit: i64,
) -> sqlx::Result<Vec<Reservation>> {
    sqlx::query_as(
        "SELECT * FROM reservations WHERE status = 'open' AND expires_at <= $1 AND created_at >= $2
         ORDER BY expires_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(now)
    .bind(earliest)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// Stores where reservations stand now.
pub async fn move_to(
    connection: &mut PgConnection,
    ids: &[Uuid],
    status: Status,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query("UPDATE reservations SET status = $2, updated_at = $3 WHERE id = ANY($1)")
        .bind(ids)
        .bind(status.into_str())
        .bind(at)
        .execute(connection)
        .await
        .map(drop)
}

/// Stores that a reservation was refused, and what was answered.
pub async fn refuse(connection: &mut PgConnection, id: Uuid, refusal: &Refusal) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE reservations SET status = 'refused', refusal_code = $2, refusal_message = $3, expires_at = NULL
         WHERE id = $1",
    )
    .bind(id)
    .bind(refusal.code)
    .bind(&refusal.message)
    .execute(connection)
    .await
    .map(drop)
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those that stand there.
    pub status: Option<Status>,
    /// Only those of this saga.
    pub saga: Option<Uuid>,
    /// Only those that are older than this one.
    pub before: Option<Uuid>,
}

/// Lists reservations, newest first.
pub async fn list(pool: &PgPool, filter: Filter, limit: i64) -> sqlx::Result<Vec<Reservation>> {
    sqlx::query_as(
        "SELECT * FROM reservations
         WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR saga_id = $2)
           AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4",
    )
    .bind(filter.status.map(|status| status.into_str()))
    .bind(filter.saga)
    .bind(filter.before)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// How many are open, and how many are short.
pub async fn count(pool: &PgPool) -> sqlx::Result<(i64, i64)> {
    sqlx::query_as(
        "SELECT (SELECT count(*) FROM reservations WHERE status = 'open'),
                (SELECT count(*) FROM reservations WHERE status = 'short')",
    )
    .fetch_one(pool)
    .await
}
