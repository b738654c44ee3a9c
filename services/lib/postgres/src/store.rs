//! The outbox as a relay sees it: tables `outbox` and `outbox_claims`.

use crate::Db;
use crate::db::begin_with;
use messaging::outbox::{self, Claimed, Pending};
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// The table as a relay sees it.
#[derive(Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Reads the outbox of a database.
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self { db: db.clone() }
    }
}

/// Begins a transaction of a relay. They take turns, so that each sees what the others hold.
///
/// None waits for the disk: what a crash of the server takes back of it is claimed or published again.
const TURN: &str = "BEGIN; SET LOCAL synchronous_commit = off;
    SELECT pg_advisory_xact_lock(hashtext('outbox'))";

/// Claims rows that nobody holds, of subjects of which nobody holds any. Claims whose time is over count no more; the
/// time is the statement's, so that one that ends meanwhile does not free a subject's later rows and not its first.
const CLAIM: &str = "
    WITH held AS MATERIALIZED (
        SELECT DISTINCT o.subject FROM outbox_claims CROSS JOIN unnest(messages) AS message JOIN outbox o ON o.id = message
        WHERE claimed_until > statement_timestamp()),
    picked AS MATERIALIZED (
        SELECT position, id, subject, exchange, routing_key, envelope::text AS envelope FROM outbox
        WHERE subject NOT IN (SELECT subject FROM held)
        ORDER BY position
        LIMIT $2),
    claimed AS (
        INSERT INTO outbox_claims (relay, messages, claimed_until)
        SELECT $1, array_agg(id), clock_timestamp() + make_interval(secs => $3) FROM picked HAVING count(*) > 0)
    SELECT id, subject, exchange, routing_key, envelope FROM picked ORDER BY position";

/// Drops what was published, and takes what is settled out of a relay's claims; with it go claims that have ended.
const SETTLE: &str = "
    WITH published AS (DELETE FROM outbox WHERE id = ANY($2)),
    ended AS (
        DELETE FROM outbox_claims
        WHERE relay = $1 AND messages <@ $3 OR claimed_until <= statement_timestamp())
    UPDATE outbox_claims SET messages = ARRAY(SELECT unnest(messages) EXCEPT SELECT unnest($3))
    WHERE relay = $1 AND messages && $3 AND NOT messages <@ $3 AND claimed_until > statement_timestamp()";

impl outbox::Store for Store {
    type Wake = Written;

    async fn claim(&self, relay: Uuid, limit: u32, lease: Duration) -> anyhow::Result<Vec<Claimed>> {
        let mut transaction = begin_with(self.db.pool(), TURN).await?;
        let claimed: Vec<(Uuid, String, String, String, String)> = sqlx::query_as(CLAIM)
            .bind(relay)
            .bind(i64::from(limit))
            .bind(lease.as_secs_f64())
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let row =
            |(id, subject, exchange, routing_key, envelope)| Claimed { id, subject, exchange, routing_key, envelope };
        Ok(claimed.into_iter().map(row).collect())
    }

    async fn settle(&self, relay: Uuid, published: &[Uuid], back: &[Uuid]) -> anyhow::Result<()> {
        let settled = [published, back].concat();
        let mut transaction = begin_with(self.db.pool(), TURN).await?;
        let query = sqlx::query(SETTLE).bind(relay).bind(published).bind(settled);
        query.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn release(&self, relay: Uuid) -> anyhow::Result<()> {
        let mut transaction = begin_with(self.db.pool(), TURN).await?;
        let query = sqlx::query("DELETE FROM outbox_claims WHERE relay = $1").bind(relay);
        query.execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    async fn pending(&self) -> anyhow::Result<Pending> {
        let (count, oldest): (i64, f64) = sqlx::query_as(
            "SELECT count(*),
                    coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at)), 0)::float8
             FROM outbox",
        )
        .fetch_one(self.db.pool())
        .await?;
        Ok(Pending { count: count.unsigned_abs(), oldest })
    }

    async fn listen(&self) -> anyhow::Result<Written> {
        Ok(Written(self.db.commits()))
    }
}

/// Hears of this process's commits.
pub struct Written(watch::Receiver<()>);

impl outbox::Wake for Written {
    async fn woken(&mut self) -> anyhow::Result<()> {
        // The sender is the store's: it lives as long as the relay.
        Ok(self.0.changed().await?)
    }
}
