//! Drops what has served its time.

use super::Shop;
use crate::{error::Error, metrics as names, store::idempotency};

/// How many rows one statement drops: few enough that nobody waits for its locks.
const BATCH: u32 = 1_000;

impl Shop {
    /// Forgets requests that are older than 72 hours.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn purge(self) -> Result<(), Error> {
        loop {
            let count = idempotency::purge(self.db.pool(), i64::from(BATCH)).await?;
            metrics::counter!(names::PURGED, "table" => "idempotency_keys").increment(count);
            if count < u64::from(BATCH) {
                return Ok(());
            }
        }
    }
}
