//! Drops what has served its time.

use super::Accounts;
use crate::error::Error;
use crate::metrics as names;
use crate::store::{attempts, known_networks, refresh_tokens, sessions};
use chrono::{DateTime, Utc};

/// How many rows one statement drops: few enough that nobody waits for its locks.
const BATCH: u32 = 1_000;

impl Accounts {
    /// Drops refresh tokens, sessions, attempts and known networks that have expired at `now`.
    ///
    /// Used tokens are kept until then: a thief's copy is told from a guess as long as it matters.
    pub async fn purge(&self, now: DateTime<Utc>) -> Result<(), Error> {
        let most = i64::from(BATCH);
        loop {
            let tokens = refresh_tokens::purge(self.db.pool(), now, most).await?;
            let sessions = sessions::purge(self.db.pool(), now, most).await?;
            let attempts = attempts::purge(self.db.pool(), most).await?;
            let networks = known_networks::purge(self.db.pool(), now, most).await?;
            let purged = [
                ("refresh_tokens", tokens),
                ("sessions", sessions),
                ("attempts", attempts),
                ("known_networks", networks),
            ];
            for (table, count) in purged {
                metrics::counter!(names::PURGED, "table" => table).increment(count);
            }
            if purged.iter().all(|(_, count)| *count < u64::from(BATCH)) {
                return Ok(());
            }
        }
    }
}
