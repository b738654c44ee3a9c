//! Table `provider_events`.

use sqlx::{PgConnection, PgPool};

/// Notes a webhook, in the transaction of its effect; `false` when it had its effect before.
pub async fn accept(connection: &mut PgConnection, event_id: &str) -> sqlx::Result<bool> {
    let query = sqlx::query("INSERT INTO provider_events (event_id) VALUES ($1) ON CONFLICT DO NOTHING");
    Ok(query.bind(event_id).execute(connection).await?.rows_affected() == 1)
}

/// Drops notes that are older than any signature that is accepted.
pub(super) async fn purge(pool: &PgPool) -> sqlx::Result<()> {
    let query = sqlx::query("DELETE FROM provider_events WHERE received_at < now() - interval '7 days'");
    query.execute(pool).await.map(drop)
}
