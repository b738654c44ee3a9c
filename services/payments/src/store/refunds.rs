//! Table `refunds`.

use crate::domain::{Payment, Refund, RefundKind, RefundStatus};
use chrono::{DateTime, Utc};
use contracts::money::{Currency, Money};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

const SELECT: &str = "SELECT r.id, r.payment_id, r.kind, r.status, r.amount_minor, p.currency, r.reason, r.created_at,
    r.settled_at FROM refunds r JOIN payments p ON p.id = r.payment_id";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    payment_id: Uuid,
    kind: String,
    status: String,
    amount_minor: i64,
    currency: String,
    reason: String,
    created_at: DateTime<Utc>,
    settled_at: Option<DateTime<Utc>>,
}

impl Row {
    fn refund(self) -> sqlx::Result<Refund> {
        let wrong = |what: &str| sqlx::Error::Decode(format!("refund {}: {what}", self.id).into());
        let operator = self.kind == RefundKind::Operator.into_str();
        Ok(Refund {
            id: self.id,
            payment_id: self.payment_id,
            kind: if operator { RefundKind::Operator } else { RefundKind::Compensation },
            status: self.status.parse().map_err(|_| wrong("status"))?,
            amount: Money::new(
                self.amount_minor,
                Currency::from_code(&self.currency).ok_or_else(|| wrong("currency"))?,
            ),
            reason: self.reason,
            created_at: self.created_at,
            settled_at: self.settled_at,
        })
    }
}

/// Who asked for a refund over HTTP, with which key.
#[derive(Debug, Clone, Copy)]
pub struct Requested<'a> {
    pub by: Uuid,
    pub key: &'a str,
}

/// Adds a refund that is to be made. Of an erased customer's it is not kept why an operator wants it. Fails when the
/// database does; with a violation of `refunds_idempotency_key` when the operator used the key.
pub async fn insert(
    connection: &mut PgConnection,
    payment: &Payment,
    amount: Money,
    reason: &str,
    requested: Option<Requested<'_>>,
) -> sqlx::Result<Refund> {
    let kind = if requested.is_some() { RefundKind::Operator } else { RefundKind::Compensation };
    let id = Uuid::now_v7();
    let (reason, created_at) = sqlx::query_as(
        "INSERT INTO refunds (id, payment_id, kind, status, amount_minor, reason, requested_by, idempotency_key)
         VALUES ($1, $2, $3, 'pending', $4, CASE WHEN $3 = 'operator'
             AND EXISTS (SELECT FROM erased_customers WHERE orders_customer_id = $8) THEN '' ELSE $5 END, $6, $7)
         RETURNING reason, created_at",
    )
    .bind(id)
    .bind(payment.id)
    .bind(kind.into_str())
    .bind(amount.minor)
    .bind(reason)
    .bind(requested.map(|requested| requested.by))
    .bind(requested.map(|requested| requested.key))
    .bind(payment.orders_customer_id)
    .fetch_one(connection)
    .await?;
    let status = RefundStatus::Pending;
    Ok(Refund { id, payment_id: payment.id, kind, status, amount, reason, created_at, settled_at: None })
}

/// How many minor units of a payment are being given back. Exact while the payment is held.
pub async fn under_way(connection: &mut PgConnection, payment_id: Uuid) -> sqlx::Result<i64> {
    sqlx::query_scalar(
        "SELECT coalesce(sum(amount_minor), 0)::bigint FROM refunds WHERE payment_id = $1 AND status = 'pending'",
    )
    .bind(payment_id)
    .fetch_one(connection)
    .await
}

pub async fn by_id(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Refund>> {
    let query = sqlx::query_as(sqlx::AssertSqlSafe(format!("{SELECT} WHERE r.id = $1"))).bind(id);
    query.fetch_optional(connection).await?.map(Row::refund).transpose()
}

/// The refunds of these payments, the oldest first.
pub async fn of_payments(pool: &PgPool, payments: &[Uuid]) -> sqlx::Result<Vec<Refund>> {
    let text = format!("{SELECT} WHERE r.payment_id = ANY($1) ORDER BY r.created_at, r.id");
    let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(text)).bind(payments).fetch_all(pool).await?;
    rows.into_iter().map(Row::refund).collect()
}

/// Writes the outcome of a refund that is pending; `false` when it has one. The provider's id when it was made.
pub async fn settle(connection: &mut PgConnection, id: Uuid, made: Option<&str>) -> sqlx::Result<bool> {
    let status = if made.is_some() { RefundStatus::Succeeded } else { RefundStatus::Failed };
    let settled = sqlx::query(
        "UPDATE refunds SET status = $2, provider_refund_id = $3, settled_at = now()
         WHERE id = $1 AND status = 'pending'",
    )
    .bind(id)
    .bind(status.into_str())
    .bind(made)
    .execute(connection)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Forgets why operators gave money back to a customer: people write about people.
pub async fn forget_customer(connection: &mut PgConnection, customer: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE refunds SET reason = '' WHERE kind = 'operator' AND reason <> ''
           AND payment_id IN (SELECT id FROM payments WHERE orders_customer_id = $1)",
    )
    .bind(customer)
    .execute(connection)
    .await
    .map(drop)
}
