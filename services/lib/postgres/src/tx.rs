//! The transactions of services.

use crate::outbox;
use messaging::Outgoing;
use sqlx::{PgConnection, Postgres, Transaction};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use tokio::sync::watch;
use uuid::Uuid;

/// A transaction, with the messages that are published and what is told once it has committed. Dropped, it is rolled
/// back. Stores take it as the [`PgConnection`] that it is.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    written: Arc<watch::Sender<()>>,
    has_messages: bool,
    on_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    pub(super) fn new(inner: Transaction<'static, Postgres>, written: Arc<watch::Sender<()>>) -> Self {
        Self { inner, written, has_messages: false, on_commit: Vec::new() }
    }

    /// Writes a message into the outbox. Returns the message's id.
    ///
    /// Call it after the write that locks the aggregate's row (or checks its version): then the rows
    /// of one subject stand in the order in which its changes committed. Trace, request and cause are
    /// filled in from where the call stands, unless set.
    pub async fn enqueue<M>(&mut self, message: M) -> sqlx::Result<Uuid>
    where
        M: TryInto<Outgoing>,
        M::Error: std::error::Error + Send + Sync + 'static,
    {
        self.has_messages = true;
        outbox::enqueue(&mut self.inner, message).await
    }

    /// Writes many messages like [`enqueue`](Self::enqueue) does one, in one statement and in this order.
    pub async fn enqueue_all(&mut self, messages: impl IntoIterator<Item = Outgoing>) -> sqlx::Result<()> {
        let mut messages = messages.into_iter().peekable();
        self.has_messages |= messages.peek().is_some();
        outbox::enqueue_all(&mut self.inner, messages).await
    }

    /// Has `told` called once the transaction has committed, and never otherwise: for log lines and counts.
    pub fn on_commit(&mut self, told: impl FnOnce() + Send + 'static) {
        self.on_commit.push(Box::new(told));
    }

    /// Commits, and wakes the relays of this process when there are messages.
    ///
    /// Postgres itself could wake them (`NOTIFY`), and did: but it lets transactions that notify commit
    /// one after the other, each with a flush of its own to the disk, in all databases of a server.
    /// When the process dies before it rings, the sweep finds the messages.
    ///
    /// # Errors
    /// Fails when the database does; the transaction may have been committed or not.
    pub async fn commit(self) -> sqlx::Result<()> {
        let Self { inner, written, has_messages, on_commit } = self;
        inner.commit().await?;
        if has_messages {
            written.send_replace(());
        }
        on_commit.into_iter().for_each(|told| told());
        Ok(())
    }

    /// Rolls back now, for whoever must not wait for the connection to be cleaned up.
    pub async fn rollback(self) -> sqlx::Result<()> {
        self.inner.rollback().await
    }
}

impl Deref for Tx {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.inner
    }
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("has_messages", &self.has_messages).finish_non_exhaustive()
    }
}
