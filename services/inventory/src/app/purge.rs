//! Drops answers to repeated requests when their time is over.

use super::Inventory;
use crate::{error::Error, metrics as names, store::replays};

impl Inventory {
    /// Forgets answers that nobody may ask for again.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn purge(self) -> Result<(), Error> {
        let purged = replays::purge(self.db.pool()).await?;
        metrics::counter!(names::KEYS_PURGED).increment(purged);
        Ok(())
    }
}
