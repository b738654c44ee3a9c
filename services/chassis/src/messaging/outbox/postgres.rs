//! The outbox in Postgres: table `outbox`.

use super::{Claimed, Pending, Store as OutboxStore, Wake};
use crate::messaging::Outgoing;
use sqlx::{PgConnection, PgPool, postgres::PgListener};
use std::time::Duration;
use uuid::Uuid;

/// The channel that the table's trigger notifies.
const CHANNEL: &str = "outbox";

/// Writes a message into the outbox, in the transaction of `connection`.
///
/// Call it after the write that locks the aggregate's row (or checks its version): then the rows
/// of one subject stand in the order in which its changes committed. Trace, request and cause are
/// filled in from where the call stands, unless set. Returns the message's id.
///
/// # Errors
/// Fails when the message cannot be encoded or the database refuses it.
pub async fn enqueue<M>(connection: &mut PgConnection, message: M) -> sqlx::Result<Uuid>
where
    M: TryInto<Outgoing>,
    M::Error: std::error::Error + Send + Sync + 'static,
{
    let encoding = |error| sqlx::Error::Encode(Box::new(error));
    let message = message.try_into().map_err(encoding)?.with_origin();
    let envelope = serde_json::to_string(&message.envelope).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    sqlx::query(
        "INSERT INTO outbox (id, subject, exchange, routing_key, envelope)
         VALUES ($1, $2, $3, $4, $5::json)",
    )
    .bind(message.envelope.id)
    .bind(&message.envelope.subject)
    .bind(&message.exchange)
    .bind(&message.routing_key)
    .bind(envelope)
    .execute(connection)
    .await?;
    Ok(message.envelope.id)
}

/// Writes many messages like [`enqueue`] does one, in one statement and in this order.
///
/// # Errors
/// Fails when a message cannot be encoded or the database refuses them.
pub async fn enqueue_all(
    connection: &mut PgConnection,
    messages: impl IntoIterator<Item = Outgoing>,
) -> sqlx::Result<()> {
    let (mut ids, mut subjects, mut exchanges) = (Vec::new(), Vec::new(), Vec::new());
    let (mut keys, mut envelopes) = (Vec::new(), Vec::new());
    for message in messages {
        let message = message.with_origin();
        let encoded = serde_json::to_string(&message.envelope);
        envelopes.push(encoded.map_err(|error| sqlx::Error::Encode(Box::new(error)))?);
        ids.push(message.envelope.id);
        subjects.push(message.envelope.subject);
        exchanges.push(message.exchange);
        keys.push(message.routing_key);
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO outbox (id, subject, exchange, routing_key, envelope)
         SELECT id, subject, exchange, routing_key, envelope::json
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
              WITH ORDINALITY AS message (id, subject, exchange, routing_key, envelope, place)
         ORDER BY place",
    )
    .bind(ids)
    .bind(subjects)
    .bind(exchanges)
    .bind(keys)
    .bind(envelopes)
    .execute(connection)
    .await
    .map(drop)
}

/// The table as a relay sees it.
#[derive(Clone)]
pub struct Store {
    pool: PgPool,
}

impl Store {
    /// Reads the outbox of the database behind `pool`.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    id: Uuid,
    exchange: String,
    routing_key: String,
    envelope: String,
}

/// Relays take turns at claiming and handing back, so that each sees what the others hold, and none
/// skips a locked row to take a later one of its subject.
const TURN: &str = "SELECT pg_advisory_xact_lock(hashtext('outbox'))";

/// Rows that nobody holds, of subjects of which nobody holds any. The time is the statement's: with
/// one that moves on, a lease that ends meanwhile would free a subject's later rows and not its first.
const CLAIM: &str = "
    WITH picked AS (
        SELECT o.position FROM outbox o
        WHERE (o.leased_until IS NULL OR o.leased_until <= statement_timestamp())
          AND NOT EXISTS (
              SELECT FROM outbox held
              WHERE held.subject = o.subject AND held.leased_until > statement_timestamp())
        ORDER BY o.position
        LIMIT $2
        FOR UPDATE SKIP LOCKED)
    UPDATE outbox o
    SET leased_by = $1, leased_until = clock_timestamp() + make_interval(secs => $3)
    FROM picked WHERE o.position = picked.position
    RETURNING o.position, o.id, o.exchange, o.routing_key, o.envelope::text AS envelope";

impl OutboxStore for Store {
    type Wake = Listener;

    async fn claim(&self, relay: Uuid, limit: u32, lease: Duration) -> anyhow::Result<Vec<Claimed>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(TURN).execute(&mut *transaction).await?;
        let mut rows: Vec<Row> = sqlx::query_as(CLAIM)
            .bind(relay)
            .bind(i64::from(limit))
            .bind(lease.as_secs_f64())
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        rows.sort_by_key(|row| row.position);
        let claimed = rows.into_iter().map(|row| {
            let envelope = serde_json::from_str(&row.envelope)?;
            let message = Outgoing { exchange: row.exchange, routing_key: row.routing_key, envelope };
            Ok(Claimed { id: row.id, message })
        });
        claimed.collect()
    }

    async fn settle(&self, relay: Uuid, published: &[Uuid], claimed: &[Uuid]) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM outbox WHERE id = ANY($1)").bind(published).execute(&mut *transaction).await?;
        if published.len() < claimed.len() {
            sqlx::query(TURN).execute(&mut *transaction).await?;
            sqlx::query(
                "UPDATE outbox SET leased_by = NULL, leased_until = NULL
                 WHERE id = ANY($1) AND leased_by = $2",
            )
            .bind(claimed)
            .bind(relay)
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn release(&self, relay: Uuid) -> anyhow::Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(TURN).execute(&mut *transaction).await?;
        sqlx::query("UPDATE outbox SET leased_by = NULL, leased_until = NULL WHERE leased_by = $1")
            .bind(relay)
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }

    async fn pending(&self) -> anyhow::Result<Pending> {
        let (count, oldest): (i64, f64) = sqlx::query_as(
            "SELECT count(*),
                    coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at)), 0)::float8
             FROM outbox",
        )
        .fetch_one(&self.pool)
        .await?;
        Ok(Pending { count: count.unsigned_abs(), oldest })
    }

    async fn listen(&self) -> anyhow::Result<Listener> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        // The pool is the service's: its end must end the listener, too.
        listener.ignore_pool_close_event(false);
        listener.listen(CHANNEL).await?;
        Ok(Listener(listener))
    }
}

/// Listens to the notifications of the table's trigger.
pub struct Listener(PgListener);

impl Wake for Listener {
    async fn woken(&mut self) -> anyhow::Result<()> {
        // `None`: the connection was lost and is back; something may have been missed.
        self.0.try_recv().await?;
        Ok(())
    }
}
