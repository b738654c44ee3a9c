//! What a consumer must remember beyond a crash: who waits in line, and what operators did.

use super::{in_time, mongo, postgres};
use anyhow::Result;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that waits behind a failing one of its subject, or is that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The subject whose line it stands in.
    pub subject: String,
    /// The message.
    pub id: Uuid,
    /// Its place in line.
    pub position: i64,
}

/// What an operator did to a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Deed {
    /// Whose dead letter it was.
    pub consumer: String,
    /// The message.
    pub message_id: Uuid,
    /// The subject of the message.
    pub subject: String,
    /// `redrive` or `discard`.
    pub action: String,
    /// The operator.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Remembers lines and deeds in the service's own store.
#[derive(Clone)]
pub struct Ledger(Kind);

#[derive(Clone)]
enum Kind {
    Postgres(PgPool),
    Mongo(mongodb::Database),
    Memory(Arc<Mutex<Memory>>, Probe),
}

/// Succeeds when the store that handlers write to answers.
type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

#[derive(Default)]
struct Memory {
    lines: Vec<(String, Waiting)>,
    deeds: Vec<Deed>,
}

/// Remembers in Postgres; [`postgres::prepare`] makes the tables.
#[must_use]
pub fn postgres(pool: PgPool) -> Ledger {
    Ledger(Kind::Postgres(pool))
}

/// Remembers in MongoDB; [`mongo::prepare`] makes the collections.
#[must_use]
pub fn mongo(database: &mongodb::Database) -> Ledger {
    Ledger(Kind::Mongo(database.clone()))
}

/// Remembers until the process ends, for consumers without a transactional store. When it ends
/// while messages wait, their subject may be handled out of order: use it where handling does not
/// depend on order. Deeds are in the log only from then on.
///
/// `probe` asks the store that handlers do write to. While it fails, no message climbs the ladder or becomes a dead
/// letter: as with the others, which cannot be written to then.
#[must_use]
pub fn memory<F, Fut>(probe: F) -> Ledger
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    Ledger(Kind::Memory(Arc::default(), Arc::new(move || Box::pin(probe()))))
}

impl Ledger {
    /// Everything that waits, each line in order.
    pub(super) async fn waiting(&self, consumer: &str) -> Result<Vec<Waiting>> {
        match &self.0 {
            Kind::Postgres(pool) => in_time(postgres::waiting(pool, consumer)).await,
            Kind::Mongo(database) => in_time(mongo::waiting(database, consumer)).await,
            Kind::Memory(memory, _) => {
                let memory = lock(memory);
                let mine = memory.lines.iter().filter(|(owner, _)| owner == consumer);
                Ok(mine.map(|(_, waiting)| waiting.clone()).collect())
            }
        }
    }

    /// Puts a message in line; one that stands there already keeps its place.
    pub(super) async fn put(&self, consumer: &str, waiting: &Waiting) -> Result<()> {
        match &self.0 {
            Kind::Postgres(pool) => in_time(postgres::put_waiting(pool, consumer, waiting)).await,
            Kind::Mongo(database) => in_time(mongo::put_waiting(database, consumer, waiting)).await,
            Kind::Memory(memory, probe) => {
                in_time(probe()).await?;
                let mut memory = lock(memory);
                let entry = (consumer.to_owned(), waiting.clone());
                if !memory.lines.contains(&entry) {
                    memory.lines.push(entry);
                }
                Ok(())
            }
        }
    }

    /// Takes a message out of its line, if it stands there.
    pub(super) async fn remove(&self, consumer: &str, id: Uuid) -> Result<()> {
        match &self.0 {
            Kind::Postgres(pool) => in_time(postgres::remove_waiting(pool, consumer, id)).await,
            Kind::Mongo(database) => in_time(mongo::remove_waiting(database, consumer, id)).await,
            Kind::Memory(memory, _) => {
                lock(memory).lines.retain(|(owner, place)| owner != consumer || place.id != id);
                Ok(())
            }
        }
    }

    /// Notes and logs what an operator did.
    pub(super) async fn note(&self, deed: &Deed) -> Result<()> {
        tracing::warn!(
            consumer.name = deed.consumer,
            message.id = %deed.message_id,
            message.subject = deed.subject,
            audit.action = deed.action,
            audit.actor = deed.actor,
            audit.reason = deed.reason,
            "An operator decided on a dead letter."
        );
        match &self.0 {
            Kind::Postgres(pool) => in_time(postgres::note_deed(pool, deed)).await,
            Kind::Mongo(database) => in_time(mongo::note_deed(database, deed)).await,
            Kind::Memory(memory, _) => {
                lock(memory).deeds.push(deed.clone());
                Ok(())
            }
        }
    }

    /// The latest deeds, the last one first.
    pub(super) async fn deeds(&self, consumer: &str, limit: u32) -> Result<Vec<Deed>> {
        match &self.0 {
            Kind::Postgres(pool) => in_time(postgres::deeds(pool, consumer, limit)).await,
            Kind::Mongo(database) => in_time(mongo::deeds(database, consumer, limit)).await,
            Kind::Memory(memory, _) => {
                let memory = lock(memory);
                let mine = memory.deeds.iter().rev().filter(|deed| deed.consumer == consumer);
                Ok(mine.take(limit as usize).cloned().collect())
            }
        }
    }
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nothing_is_noted_in_memory_while_the_store_of_the_handlers_is_away() {
        let waiting = Waiting { subject: "a".into(), id: Uuid::now_v7(), position: 1 };
        let beside = |away: bool| memory(move || async move { if away { anyhow::bail!("away") } else { Ok(()) } });
        for (away, noted) in [(true, 0), (false, 1)] {
            let ledger = beside(away);
            assert_eq!(ledger.put("consumer", &waiting).await.is_ok(), !away);
            assert_eq!(ledger.waiting("consumer").await.unwrap().len(), noted);
        }
    }
}
