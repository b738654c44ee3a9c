//! Table `product_stock_operations`: what is added to it, and its history.

use super::{pieces, unsigned};
use crate::domain::{Change, Kind};
use chrono::{DateTime, Utc};
use contracts::rest::inventory::StockOperation;
use sqlx::PgPool;
use uuid::Uuid;

/// A change with its cause, to be stored and told.
#[derive(Debug, Clone)]
pub struct Record {
    pub id: Uuid,
    pub change: Change,
    pub cause: Cause,
}

/// Why something happened to stock.
#[derive(Debug, Clone)]
pub struct Cause {
    pub reason: String,
    pub saga: Option<SagaCause>,
    /// The operator who did it, where there is one.
    pub actor: Option<Uuid>,
}

/// The place in a saga that something happened for.
#[derive(Debug, Clone)]
pub struct SagaCause {
    pub saga_id: Uuid,
    pub step: String,
    pub reservation_id: Uuid,
}

impl Cause {
    /// Gives changes their cause and their ids.
    #[must_use]
    pub fn of(&self, changes: Vec<Change>) -> Vec<Record> {
        changes.into_iter().map(|change| Record { id: Uuid::now_v7(), change, cause: self.clone() }).collect()
    }
}

#[must_use]
pub const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Increase => "increase",
        Kind::Decrease => "decrease",
        Kind::Reserve => "reserve",
        Kind::Release => "release",
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "increase" => Kind::Increase,
        "decrease" => Kind::Decrease,
        "reserve" => Kind::Reserve,
        // The table's check lets no fifth one in.
        _ => Kind::Release,
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    product_id: Uuid,
    product_version: i64,
    kind: String,
    quantity: i64,
    reason: String,
    saga_id: Option<Uuid>,
    step: Option<String>,
    reservation_id: Option<Uuid>,
    actor: Option<Uuid>,
    at: DateTime<Utc>,
}

impl From<Row> for StockOperation {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            product_id: row.product_id,
            product_version: unsigned(row.product_version),
            kind: kind(&row.kind),
            quantity: pieces(row.quantity),
            reason: row.reason,
            saga_id: row.saga_id,
            step: row.step,
            reservation_id: row.reservation_id,
            actor_auth_user_id: row.actor,
            at: row.at,
        }
    }
}

/// A product's operations before the given version, newest first.
pub async fn list(pool: &PgPool, product: Uuid, before: Option<i64>, limit: i64) -> sqlx::Result<Vec<StockOperation>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, product_id, product_version, kind, quantity, reason, saga_id, step, reservation_id, actor, at
         FROM product_stock_operations
         WHERE product_id = $1 AND ($2::bigint IS NULL OR product_version < $2)
         ORDER BY product_version DESC LIMIT $3",
    )
    .bind(product)
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}
