//! Drops what has served its time.

use super::Shop;
use crate::{error::Error, metrics as names, store::idempotency};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked.
const EVERY: Duration = Duration::from_secs(600);
/// How many rows one statement drops: few enough that nobody waits for its locks.
const BATCH: u32 = 1_000;

impl Shop {
    /// Forgets requests that are older than 72 hours.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn purge(&self) -> Result<(), Error> {
        loop {
            let count = idempotency::purge(&self.pool, i64::from(BATCH)).await?;
            metrics::counter!(names::PURGED, "table" => "idempotency_keys").increment(count);
            if count < u64::from(BATCH) {
                return Ok(());
            }
        }
    }

    /// Purges until `shutdown`; a background task.
    ///
    /// # Errors
    /// Fails when purging does; to be started again.
    pub async fn keep_purging(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(EVERY);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            self.purge().await?;
        }
        Ok(())
    }
}
