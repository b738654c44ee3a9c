//! Changes of orders, told to whoever watches one, in whichever process it was changed.

use sqlx::{PgPool, postgres::PgListener};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The channel that the table's trigger notifies.
const CHANNEL: &str = "orders_changed";
/// How many changes a watcher may be behind before it is told to look for itself.
const BACKLOG: usize = 1_024;

/// Hands out the ids of orders that changed. Clones are the same.
#[derive(Clone)]
pub struct Changes {
    sender: broadcast::Sender<Option<Uuid>>,
}

/// Hears of changes from when it was made.
pub struct Watch {
    order: Uuid,
    receiver: broadcast::Receiver<Option<Uuid>>,
}

impl Default for Changes {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG) }
    }
}

impl Changes {
    /// Watches an order.
    #[must_use]
    pub fn watch(&self, order: Uuid) -> Watch {
        Watch { order, receiver: self.sender.subscribe() }
    }

    /// Hears what the database tells until `shutdown`; a background task.
    ///
    /// # Errors
    /// Fails when the database is away; to be started again.
    pub async fn listen(self, pool: PgPool, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        // What happened while nobody listened.
        self.tell(None);
        while let Some(heard) = shutdown.run_until_cancelled(listener.try_recv()).await {
            // Nothing means that the connection was lost, and is another one now.
            self.tell(heard?.and_then(|told| told.payload().parse().ok()));
        }
        Ok(())
    }

    fn tell(&self, order: Option<Uuid>) {
        // Fails when nobody watches.
        let _ = self.sender.send(order);
    }
}

impl Watch {
    /// Waits until the order may have changed. Safe to cancel.
    pub async fn changed(&mut self) {
        loop {
            match self.receiver.recv().await {
                Ok(Some(order)) if order != self.order => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}
