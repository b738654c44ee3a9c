//! Drops answers to repeated requests when their time is over.

use super::Inventory;
use crate::{metrics as names, store::replays};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(3_600);

impl Inventory {
    /// Purges until `shutdown`; a background task.
    ///
    /// # Errors
    /// Fails when the database does; to be started again.
    pub async fn keep_purging(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let purged = replays::purge(&self.pool).await?;
            metrics::counter!(names::KEYS_PURGED).increment(purged);
        }
        Ok(())
    }
}
