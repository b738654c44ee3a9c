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
    messages: Vec<Outgoing>,
    on_commit: Vec<Box<dyn FnOnce() + Send>>,
}

impl Tx {
    pub(super) fn new(inner: Transaction<'static, Postgres>, written: Arc<watch::Sender<()>>) -> Self {
        Self { inner, written, messages: Vec::new(), on_commit: Vec::new() }
    }

    /// Has a message written into the outbox. Returns the message's id.
    ///
    /// [`commit`](Self::commit) writes all messages in one statement, in the order of the calls. By then the transaction
    /// has locked the aggregates' rows (or checked their versions), so the rows of one subject stand in the order in
    /// which its changes committed. Trace, request and cause are filled in from where the call stands, unless set.
    pub fn enqueue<M>(&mut self, message: M) -> sqlx::Result<Uuid>
    where
        M: TryInto<Outgoing>,
        M::Error: std::error::Error + Send + Sync + 'static,
    {
        let message = message.try_into().map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        let id = message.envelope.id;
        self.enqueue_all([message]);
        Ok(id)
    }

    /// Has many messages written like [`enqueue`](Self::enqueue) does one, in this order.
    pub fn enqueue_all(&mut self, messages: impl IntoIterator<Item = Outgoing>) {
        self.messages.extend(messages.into_iter().map(Outgoing::with_origin));
    }

    /// Has `told` called once the transaction has committed, and never otherwise: for log lines and counts.
    pub fn on_commit(&mut self, told: impl FnOnce() + Send + 'static) {
        self.on_commit.push(Box::new(told));
    }

    /// Writes the messages and commits, and wakes the relays of this process when there are messages.
    ///
    /// Postgres itself could wake them (`NOTIFY`), and did: but it lets transactions that notify commit
    /// one after the other, each with a flush of its own to the disk, in all databases of a server.
    /// When the process dies before it rings, the sweep finds the messages.
    /// After a failure, the transaction may have been committed or not.
    pub async fn commit(self) -> sqlx::Result<()> {
        let Self { mut inner, written, messages, on_commit } = self;
        let has_messages = !messages.is_empty();
        if has_messages {
            outbox::write(&mut inner, messages).await?;
            chassis::failpoint!("postgres.commit.after_outbox");
        }
        inner.commit().await?;
        if has_messages {
            written.send_replace(());
        }
        on_commit.into_iter().for_each(|told| told());
        Ok(())
    }

    /// Commits what succeeded, and rolls back what failed before anybody hears of it: a request that is repeated at once
    /// must find its key free.
    ///
    /// # Errors
    /// Fails with the outcome's own error, or when the commit does.
    pub async fn end<T, E: From<sqlx::Error>>(self, outcome: Result<T, E>) -> Result<T, E> {
        match outcome {
            Ok(value) => self.commit().await.map(|()| value).map_err(E::from),
            Err(error) => {
                // Where this fails the connection is lost, and the transaction with it.
                let _ = self.rollback().await;
                Err(error)
            }
        }
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
        f.debug_struct("Tx").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}
