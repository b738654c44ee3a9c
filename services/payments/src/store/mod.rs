//! Queries, one module per table. Nothing else speaks SQL.

pub mod calls;
pub mod erased_customers;
pub mod payments;
pub mod provider_events;
pub mod refunds;

use sqlx::PgPool;

/// Forgets webhooks and idempotency keys whose time is over.
pub async fn purge(pool: PgPool) -> sqlx::Result<()> {
    provider_events::purge(&pool).await?;
    postgres::idempotency::purge(&pool).await.map(drop)
}
