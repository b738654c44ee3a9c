//! A sliding window of call counts, for those who watch.

use crate::limits::WINDOW;
use std::time::{Duration, Instant};

/// How many slices the window is cut into; one at a time falls out of it.
const SLICES: u32 = 10;

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that ended well or badly; neutral ones are not counted.
    pub calls: u32,
    /// Those that failed, were late or broken.
    pub failures: u32,
}

/// Counts of the latest buckets of time. Old buckets are forgotten when time reaches them again, so that nothing
/// has to run while no call comes.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    origin: Instant,
    width: Duration,
    /// Each with the number of the time slice that it counts.
    buckets: Vec<(u64, Totals)>,
}

impl Window {
    /// Creates an empty window whose slices are counted from `now`.
    #[must_use]
    pub(crate) fn new(now: Instant) -> Self {
        Self { origin: now, width: WINDOW / SLICES, buckets: vec![(0, Totals::default()); SLICES as usize] }
    }

    /// Counts a call that ended at `now`.
    pub(crate) fn record(&mut self, now: Instant, failed: bool) {
        let slice = self.slice(now);
        let count = self.buckets.len() as u64;
        let bucket = &mut self.buckets[usize::try_from(slice % count).unwrap_or(0)];
        if bucket.0 != slice {
            *bucket = (slice, Totals::default());
        }
        bucket.1.calls += 1;
        bucket.1.failures += u32::from(failed);
    }

    /// Returns the sum of the slices that are still inside the window at `now`.
    #[must_use]
    pub(crate) fn totals(&self, now: Instant) -> Totals {
        let current = self.slice(now);
        let oldest = current.saturating_sub(self.buckets.len() as u64 - 1);
        self.buckets.iter().filter(|(slice, _)| (oldest..=current).contains(slice)).fold(
            Totals::default(),
            |sum, (_, bucket)| Totals { calls: sum.calls + bucket.calls, failures: sum.failures + bucket.failures },
        )
    }

    /// Forgets every call.
    pub(crate) fn clear(&mut self) {
        self.buckets.fill((0, Totals::default()));
    }

    fn slice(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin);
        u64::try_from(since.as_nanos() / self.width.as_nanos()).unwrap_or(u64::MAX)
    }
}
