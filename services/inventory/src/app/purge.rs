//! Drops answers to repeated requests when their time is over.

use super::Inventory;
use crate::error::Error;
use crate::metrics as names;
use postgres::idempotency;

impl Inventory {
    /// Forgets answers that nobody may ask for again.
    pub async fn purge(self) -> Result<(), Error> {
        let purged = idempotency::purge(self.db.pool()).await?;
        metrics::counter!(names::KEYS_PURGED).increment(purged);
        Ok(())
    }
}
