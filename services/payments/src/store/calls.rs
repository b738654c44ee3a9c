//! Table `provider_calls`: what is to be called, claimed by leases.

use crate::domain::{Lease, Origin, Payment, charge_key, refund_key};
use contracts::money::Money;
use secrecy::SecretString;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row as _};
use std::time::Duration;
use uuid::Uuid;

pub struct Call {
    /// The payment's id for a charge, the refund's for a refund.
    pub id: Uuid,
    pub payment_id: Uuid,
    pub key: String,
    pub kind: CallKind,
    pub amount: Money,
    /// Whether an earlier call may have reached the provider.
    pub begun: bool,
    /// Whether the payment is being undone.
    pub undoing: bool,
    /// How many times it was claimed, this time included.
    pub tries: i32,
    /// Proves that the claim is ours.
    pub lease: Uuid,
    /// Where the outcome comes from.
    pub origin: Origin,
}

#[derive(strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum CallKind {
    Charge {
        /// The means; none when the customer was erased.
        token: Option<SecretString>,
        method: &'static str,
        reference: Uuid,
    },
    Refund {
        charge_id: String,
    },
}

impl Call {
    #[must_use]
    pub fn charge(payment: &Payment, token: Option<SecretString>, lease: Uuid) -> Self {
        let (method, reference) = (payment.method.into_str(), payment.orders_order_id);
        Self {
            id: payment.id,
            payment_id: payment.id,
            key: charge_key(payment.saga_id, &payment.step),
            kind: CallKind::Charge { token, method, reference },
            amount: payment.amount,
            begun: false,
            undoing: payment.undo_step.is_some(),
            tries: 1,
            lease,
            origin: payment.origin.clone(),
        }
    }
}

pub async fn insert_refund(connection: &mut PgConnection, refund_id: Uuid, payment_id: Uuid) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO provider_calls (id, payment_id, kind, begun, tries) VALUES ($1, $2, 'refund', false, 0)")
        .bind(refund_id)
        .bind(payment_id)
        .execute(connection)
        .await
        .map(drop)
}

/// Claims up to `most` calls that are due and that nobody holds. From then on each counts as begun.
pub async fn claim(pool: &PgPool, most: usize, lease: Lease) -> sqlx::Result<Vec<Call>> {
    let rows = sqlx::query(
        "WITH picked AS (
             SELECT id, begun FROM provider_calls
             WHERE due_at <= clock_timestamp() AND (leased_until IS NULL OR leased_until <= clock_timestamp())
             ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED),
         claimed AS (
             UPDATE provider_calls c SET begun = true, tries = c.tries + 1, lease = $2,
                 leased_until = clock_timestamp() + make_interval(secs => $3)
             FROM picked WHERE c.id = picked.id
             RETURNING c.id AS call_id, c.payment_id, c.provider_token, c.tries, picked.begun)
         SELECT claimed.*, p.*, r.amount_minor AS refund_minor
         FROM claimed JOIN payments p ON p.id = claimed.payment_id LEFT JOIN refunds r ON r.id = claimed.call_id",
    )
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .bind(lease.id)
    .bind(lease.length.as_secs_f64())
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| read(row, lease.id)).collect()
}

fn read(row: &PgRow, lease: Uuid) -> sqlx::Result<Call> {
    let payment = super::payments::read(row)?.ok_or_else(|| sqlx::Error::Decode("a call of a tombstone".into()))?;
    let token: Option<String> = row.try_get("provider_token")?;
    let mut call = Call::charge(&payment, token.map(SecretString::from), lease);
    (call.begun, call.tries) = (row.try_get("begun")?, row.try_get("tries")?);
    if let Some(minor) = row.try_get::<Option<i64>, _>("refund_minor")? {
        call.id = row.try_get("call_id")?;
        call.key = refund_key(call.id);
        call.amount = Money::new(minor, payment.amount.currency);
        call.kind = CallKind::Refund { charge_id: payment.provider_charge_id.unwrap_or_default() };
    }
    Ok(call)
}

/// Hands a claim back, to be due again after `pause`; nothing when the claim is not ours any more.
pub async fn put_off(pool: &PgPool, call: &Call, begun: bool, pause: Duration) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE provider_calls SET begun = $3, due_at = clock_timestamp() + make_interval(secs => $4),
             lease = NULL, leased_until = NULL
         WHERE id = $1 AND lease = $2",
    )
    .bind(call.id)
    .bind(call.lease)
    .bind(begun)
    .bind(pause.as_secs_f64())
    .execute(pool)
    .await
    .map(drop)
}

/// Deletes a call whose outcome is known.
pub async fn delete(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query("DELETE FROM provider_calls WHERE id = $1").bind(id).execute(connection).await.map(drop)
}

/// Deletes a call that has not begun; `false` when the provider may have heard of it.
pub async fn withdraw(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<bool> {
    let query = sqlx::query("DELETE FROM provider_calls WHERE id = $1 AND NOT begun").bind(id);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Deletes a call that its holder has not made; `false` when the claim is not ours any more.
pub async fn drop_claimed(connection: &mut PgConnection, call: &Call) -> sqlx::Result<bool> {
    let query = sqlx::query("DELETE FROM provider_calls WHERE id = $1 AND lease = $2").bind(call.id).bind(call.lease);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Forgets the tokens of a customer's charges that have not begun, and makes them due: they are declined. One that
/// has begun keeps its token until its outcome is known, which settling may need it for.
pub async fn forget_customer(connection: &mut PgConnection, customer: Uuid) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE provider_calls SET provider_token = NULL, due_at = clock_timestamp()
         WHERE NOT begun AND kind = 'charge'
           AND payment_id IN (SELECT id FROM payments WHERE orders_customer_id = $1)",
    )
    .bind(customer)
    .execute(connection)
    .await
    .map(drop)
}

/// How many calls have no outcome, and the age of the oldest in seconds.
pub async fn unsettled(pool: &PgPool) -> sqlx::Result<(i64, f64)> {
    sqlx::query_as(
        "SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
         FROM provider_calls",
    )
    .fetch_one(pool)
    .await
}
