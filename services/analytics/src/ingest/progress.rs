//! Until when clicks are certainly counted.

use chrono::{DateTime, Utc};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the ingester knows of how far it is behind.
#[derive(Default)]
pub(super) struct IngestProgress(Mutex<State>);

#[derive(Default)]
struct State {
    /// How many blocks are begun and not stored.
    open: usize,
    as_of: Option<DateTime<Utc>>,
}

impl IngestProgress {
    /// Notes that ingestion begins anew: nothing is on its way.
    pub(super) fn begin(&self) {
        self.lock().open = 0;
    }

    /// Notes that a block holds a first record.
    pub(super) fn opened(&self) {
        self.lock().open += 1;
    }

    /// Notes that a block is stored, and until when that makes clicks certain.
    pub(super) fn stored(&self, certain_until: Option<DateTime<Utc>>) {
        let mut state = self.lock();
        state.open = state.open.saturating_sub(1);
        // Clocks differ: what is certain lies in the past.
        state.as_of = state.as_of.max(certain_until.map(|until| until.min(Utc::now())));
    }

    /// Notes that the stream had nothing more at `since`, which makes everything certain that it
    /// held then, unless a block is on its way.
    pub(super) fn calm(&self, since: DateTime<Utc>) {
        let mut state = self.lock();
        if state.open == 0 {
            state.as_of = state.as_of.max(Some(since));
        }
    }

    /// Until when clicks are certainly counted.
    pub(super) fn as_of(&self) -> Option<DateTime<Utc>> {
        self.lock().as_of
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn a_calm_stream_makes_nothing_certain_while_a_block_is_open() {
        let (progress, now) = (IngestProgress::default(), Utc::now());
        let ago = |seconds| Some(now - TimeDelta::seconds(seconds));
        progress.opened();
        progress.calm(now);
        assert_eq!(progress.as_of(), None);
        progress.stored(ago(60));
        assert_eq!(progress.as_of(), ago(60));
        progress.calm(now);
        assert_eq!(progress.as_of(), Some(now));
        progress.opened();
        progress.stored(ago(30));
        assert_eq!(progress.as_of(), Some(now), "it never goes back");
    }
}
