//! What a consumer must remember beyond a crash: which messages wait, and what operators did.

use crate::in_time;
use anyhow::Result;
use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;
use uuid::Uuid;

/// A message that waits behind a failing one of its subject, or is that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The subject in whose queue it stands.
    pub subject: String,
    /// The message's id.
    pub id: Uuid,
    /// Its place in the queue, from 1.
    pub position: i64,
}

/// What an operator did to a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// The consumer whose dead letter it was.
    pub consumer: String,
    /// The message's id.
    pub message_id: Uuid,
    /// The subject of the message.
    pub subject: String,
    /// `redrive` or `discard`.
    pub action: String,
    /// The operator's user id.
    pub actor: String,
    /// The reason that the operator gave.
    pub reason: String,
    /// The time of the decision.
    pub at: DateTime<Utc>,
}

/// Remembers for consumers, in the store that their handlers write to.
///
/// Methods fail when the store does. The caller bounds how long they take, and tries again.
pub trait ConsumerState: Send + Sync + 'static {
    /// All messages of `consumer` that wait, each subject's in order of position.
    fn waiting<'a>(&'a self, consumer: &'a str) -> BoxFuture<'a, Result<Vec<Waiting>>>;

    /// Adds a message to its subject's queue; one that is there keeps its position.
    fn put<'a>(&'a self, consumer: &'a str, waiting: &'a Waiting) -> BoxFuture<'a, Result<()>>;

    /// Takes a message out of its queue, if it is in one.
    fn remove<'a>(&'a self, consumer: &'a str, id: Uuid) -> BoxFuture<'a, Result<()>>;

    /// Adds to the audit.
    fn record<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<()>>;

    /// The latest entries of the audit, the last one first.
    fn audit<'a>(&'a self, consumer: &'a str, limit: u32) -> BoxFuture<'a, Result<Vec<AuditEntry>>>;
}

/// A [`ConsumerState`] that does not hang: a host that vanishes says nothing.
#[derive(Clone)]
pub(crate) struct State(Arc<dyn ConsumerState>);

impl State {
    pub(crate) fn new(state: &(impl ConsumerState + Clone)) -> Self {
        Self(Arc::new(state.clone()))
    }

    pub(crate) async fn waiting(&self, consumer: &str) -> Result<Vec<Waiting>> {
        in_time(self.0.waiting(consumer)).await
    }

    pub(crate) async fn put(&self, consumer: &str, waiting: &Waiting) -> Result<()> {
        in_time(self.0.put(consumer, waiting)).await
    }

    pub(crate) async fn remove(&self, consumer: &str, id: Uuid) -> Result<()> {
        in_time(self.0.remove(consumer, id)).await
    }

    pub(crate) async fn record(&self, entry: &AuditEntry) -> Result<()> {
        tracing::warn!(
            consumer.name = entry.consumer,
            message.id = %entry.message_id,
            message.subject = entry.subject,
            audit.action = entry.action,
            audit.actor = entry.actor,
            audit.reason = entry.reason,
            "An operator decided on a dead letter."
        );
        in_time(self.0.record(entry)).await
    }

    pub(crate) async fn audit(&self, consumer: &str, limit: u32) -> Result<Vec<AuditEntry>> {
        in_time(self.0.audit(consumer, limit)).await
    }
}

/// Remembers until the process ends, for consumers without a transactional store.
///
/// When it ends while messages wait, their subject may be handled out of order: use it where handling does not depend
/// on order. The audit is only in the log from then on.
#[derive(Clone)]
pub struct MemoryState {
    memory: Arc<Mutex<Memory>>,
    probe: Probe,
}

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<()>> + Send + Sync>;

#[derive(Default)]
struct Memory {
    waiting: Vec<(String, Waiting)>,
    audit: Vec<AuditEntry>,
}

impl Default for MemoryState {
    /// Remembers for handlers that write to no store.
    fn default() -> Self {
        Self::beside(async || Ok(()))
    }
}

impl MemoryState {
    /// Remembers beside a store that `probe` asks whether it is there. While that fails, no message goes to a later
    /// level of its retry schedule or becomes a dead letter: as with other states, which cannot be written to then.
    pub fn beside<F, Fut>(probe: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        Self { memory: Arc::default(), probe: Arc::new(move || Box::pin(probe())) }
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConsumerState for MemoryState {
    fn waiting<'a>(&'a self, consumer: &'a str) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        Box::pin(async move {
            let memory = self.lock();
            let mine = memory.waiting.iter().filter(|(owner, _)| owner == consumer);
            Ok(mine.map(|(_, waiting)| waiting.clone()).collect())
        })
    }

    fn put<'a>(&'a self, consumer: &'a str, waiting: &'a Waiting) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            (self.probe)().await?;
            let entry = (consumer.to_owned(), waiting.clone());
            let mut memory = self.lock();
            if !memory.waiting.contains(&entry) {
                memory.waiting.push(entry);
            }
            Ok(())
        })
    }

    fn remove<'a>(&'a self, consumer: &'a str, id: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.lock().waiting.retain(|(owner, waiting)| owner != consumer || waiting.id != id);
            Ok(())
        })
    }

    fn record<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.lock().audit.push(entry.clone());
            Ok(())
        })
    }

    fn audit<'a>(&'a self, consumer: &'a str, limit: u32) -> BoxFuture<'a, Result<Vec<AuditEntry>>> {
        Box::pin(async move {
            let memory = self.lock();
            let mine = memory.audit.iter().rev().filter(|entry| entry.consumer == consumer);
            Ok(mine.take(limit as usize).cloned().collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ConsumerState as _, MemoryState, Waiting};
    use uuid::Uuid;

    #[tokio::test]
    async fn nothing_is_noted_in_memory_while_the_store_of_the_handlers_is_away() {
        let waiting = Waiting { subject: "a".into(), id: Uuid::now_v7(), position: 1 };
        for (away, noted) in [(true, 0), (false, 1)] {
            let probe = move || async move { if away { anyhow::bail!("away") } else { Ok(()) } };
            let state = MemoryState::beside(probe);
            assert_eq!(state.put("consumer", &waiting).await.is_ok(), !away);
            assert_eq!(state.waiting("consumer").await.unwrap().len(), noted);
        }
    }
}
