//! Forgets sagas that were over long ago.

use crate::engine::Engine;
use crate::{metrics, store};
use chrono::{Days, Utc};

/// For how many days from its start a saga is kept at least: as long as events are in the log.
const KEPT_DAYS: u64 = 180;
/// How many are forgotten at a time: few enough that nobody waits for their locks.
const BATCH: u32 = 1_000;

impl Engine {
    /// Forgets sagas that began more than 180 days ago and that nothing can happen to any more, with their history.
    /// One that is completed and can still be cancelled stays until it is closed.
    pub(crate) async fn purge(&self) -> anyhow::Result<()> {
        let before = Utc::now() - Days::new(KEPT_DAYS);
        let with_pivot = self.unit.flows().iter().filter(|flow| flow.shape().pivot.is_some());
        let irrevocable: Vec<_> = with_pivot.map(|flow| flow.kind()).collect();
        loop {
            let gone = store::forget(self.db.pool(), before, &irrevocable, BATCH).await?;
            ::metrics::counter!(metrics::FORGOTTEN).increment(gone.unsigned_abs());
            if gone < i64::from(BATCH) {
                return Ok(());
            }
        }
    }
}
