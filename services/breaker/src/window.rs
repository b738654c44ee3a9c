//! A sliding window of call counts.

use std::time::{Duration, Instant};

/// What happened in a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls that ended well or badly; neutral ones are not counted.
    pub calls: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those that were slow, failed or not.
    pub slow: u32,
}

impl Totals {
    /// Returns the share of failed calls, 0 where there were none.
    #[must_use]
    pub fn failure_ratio(&self) -> f64 {
        share(self.failures, self.calls)
    }

    /// Returns the share of slow calls, 0 where there were none.
    #[must_use]
    pub fn slow_ratio(&self) -> f64 {
        share(self.slow, self.calls)
    }
}

/// Returns `part` of `whole`, 0 where the whole is nothing.
pub(crate) fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 0.0 } else { f64::from(part) / f64::from(whole) }
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
    /// Creates an empty window of `length`, cut into `buckets` slices counted from `now`.
    #[must_use]
    pub(crate) fn new(now: Instant, length: Duration, buckets: usize) -> Self {
        let buckets = buckets.max(1);
        let width = (length / u32::try_from(buckets).unwrap_or(u32::MAX)).max(Duration::from_millis(1));
        Self { origin: now, width, buckets: vec![(0, Totals::default()); buckets] }
    }

    /// Counts a call that ended at `now`.
    pub(crate) fn record(&mut self, now: Instant, failed: bool, slow: bool) {
        let slice = self.slice(now);
        let count = self.buckets.len() as u64;
        let bucket = &mut self.buckets[usize::try_from(slice % count).unwrap_or(0)];
        if bucket.0 != slice {
            *bucket = (slice, Totals::default());
        }
        bucket.1.calls += 1;
        bucket.1.failures += u32::from(failed);
        bucket.1.slow += u32::from(slow);
    }

    /// Returns the sum of the slices that are still inside the window at `now`.
    #[must_use]
    pub(crate) fn totals(&self, now: Instant) -> Totals {
        let current = self.slice(now);
        let oldest = current.saturating_sub(self.buckets.len() as u64 - 1);
        self.buckets.iter().filter(|(slice, _)| (oldest..=current).contains(slice)).fold(
            Totals::default(),
            |sum, (_, bucket)| Totals {
                calls: sum.calls + bucket.calls,
                failures: sum.failures + bucket.failures,
                slow: sum.slow + bucket.slow,
            },
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
