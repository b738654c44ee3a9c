//! Table `erased_customers`.

use chrono::{DateTime, Utc};
use sqlx::PgPool;
use uuid::Uuid;

/// Notes that nothing may be kept of a customer, from now on and for good.
pub async fn insert(pool: &PgPool, customer: Uuid, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query("INSERT INTO erased_customers (orders_customer_id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(customer)
        .bind(at)
        .execute(pool)
        .await
        .map(drop)
}
