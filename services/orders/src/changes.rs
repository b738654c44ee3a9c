//! Changes of orders, told to whoever watches one, in whichever process it was changed.

use crate::store::orders;
use parking_lot::Mutex;
use postgres::Db;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// How often is looked for what other processes changed.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The pause between two looks, however much this process commits.
const PAUSE: Duration = Duration::from_millis(10);

/// Tells of orders that changed, by looking at the versions of those that are watched: one query for all of them,
/// after each commit of this process and four times a second, and none while nobody watches. Clones are the same.
///
/// The database could tell (`NOTIFY`), at a price that every order would pay: see [`Tx::commit`](postgres::Tx::commit).
#[derive(Clone, Default)]
pub struct Changes {
    watched: Arc<Mutex<HashMap<Uuid, watch::Sender<u64>>>>,
    begun: Arc<Notify>,
}

/// Hears of changes from when it was made.
pub struct Watch(watch::Receiver<u64>);

impl Changes {
    #[must_use]
    pub fn watch(&self, order: Uuid) -> Watch {
        let receiver = self.watched.lock().entry(order).or_default().subscribe();
        self.begun.notify_one();
        Watch(receiver)
    }

    /// Looks for changes; a background task. Fails when the database is away; to be started again.
    pub async fn look(self, db: Db) -> anyhow::Result<()> {
        let mut commits = db.commits();
        loop {
            let watched = self.watched();
            if watched.is_empty() {
                self.begun.notified().await;
                continue;
            }
            self.tell(orders::versions(db.pool(), &watched).await?);
            sleep(PAUSE).await;
            tokio::select! {
                _ = timeout(LOOK_EVERY, commits.changed()) => {}
                () = self.begun.notified() => {}
            }
        }
    }

    /// The orders that somebody still watches.
    fn watched(&self) -> Vec<Uuid> {
        let mut watched = self.watched.lock();
        watched.retain(|_, sender| sender.receiver_count() > 0);
        watched.keys().copied().collect()
    }

    fn tell(&self, versions: Vec<(Uuid, u64)>) {
        let watched = self.watched.lock();
        for (order, version) in versions {
            if let Some(sender) = watched.get(&order) {
                sender.send_if_modified(|known| std::mem::replace(known, version) != version);
            }
        }
    }
}

impl Watch {
    /// Waits until the order may have changed. Safe to cancel.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
