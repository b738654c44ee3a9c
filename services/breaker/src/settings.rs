//! The thresholds of a breaker.

use std::time::Duration;

/// The thresholds of one breaker. [`Default`] is what DESIGN asks of every upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How far back calls count.
    pub window: Duration,
    /// How many buckets the window is cut into; one bucket at a time falls out of it.
    pub buckets: usize,
    /// How many calls the window needs before a ratio says anything.
    pub minimum_calls: u32,
    /// The share of failed calls, 0 to 1, from which the breaker opens.
    pub failure_ratio: f64,
    /// How many failures in a row open the breaker, whatever the window holds.
    pub consecutive_failures: u32,
    /// A call that takes longer than this is slow.
    pub slow_after: Duration,
    /// The share of slow calls, 0 to 1, from which the breaker opens.
    pub slow_ratio: f64,
    /// How long the breaker stays open the first time.
    pub open_base: Duration,
    /// The longest that the breaker stays open, before jitter; each opening in a row doubles up to here.
    pub open_max: Duration,
    /// The largest share of the open time that jitter adds, so that breakers of many processes don't probe at once.
    pub jitter: f64,
    /// How many calls may be under way at once while half-open, and how many must succeed to close.
    pub half_open_permits: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            buckets: 10,
            minimum_calls: 20,
            failure_ratio: 0.5,
            consecutive_failures: 5,
            slow_after: Duration::from_secs(1),
            slow_ratio: 0.8,
            open_base: Duration::from_secs(5),
            open_max: Duration::from_secs(60),
            jitter: 0.1,
            half_open_permits: 3,
        }
    }
}

impl Settings {
    /// Returns how long the `streak`-th opening in a row lasts (the first is 1), before jitter.
    #[must_use]
    pub fn open_for(&self, streak: u32) -> Duration {
        let doublings = streak.saturating_sub(1).min(31);
        self.open_base.saturating_mul(1 << doublings).min(self.open_max)
    }
}
