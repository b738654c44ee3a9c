//! Limits in memory: in front of the shared ones, and in their place while Redis is away.

use super::{LimitStatus, Quota};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// After so many requests, full buckets are dropped.
const TIDY_EVERY: u64 = 10_000;

/// The limits of this gateway alone. They are as high as those over all gateways.
pub(super) struct Local {
    limiters: [(&'static str, DefaultKeyedRateLimiter<String>); 2],
    clock: DefaultClock,
    counted: AtomicU64,
}

impl Local {
    pub(super) fn new(quotas: [Quota; 2]) -> Self {
        let limiter = |quota: Quota| {
            let least = NonZeroU32::MIN;
            let per_second = governor::Quota::per_second(NonZeroU32::new(quota.per_second).unwrap_or(least));
            let quota_of = per_second.allow_burst(NonZeroU32::new(quota.burst).unwrap_or(least));
            (quota.name, RateLimiter::keyed(quota_of))
        };
        Self { limiters: quotas.map(limiter), clock: DefaultClock::default(), counted: AtomicU64::new(0) }
    }

    pub(super) fn count(&self, quota: Quota, whom: &str) -> LimitStatus {
        let Some((_, limiter)) = self.limiters.iter().find(|(name, _)| *name == quota.name) else {
            return status(quota, true, Duration::ZERO);
        };
        if self.counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(TIDY_EVERY) {
            self.limiters.iter().for_each(|(_, limiter)| limiter.retain_recent());
        }
        match limiter.check_key(&whom.to_owned()) {
            Ok(()) => status(quota, true, Duration::ZERO),
            Err(until) => status(quota, false, until.wait_time_from(self.clock.now())),
        }
    }
}

/// The level of the bucket is unknown here, so a half-full one is reported.
fn status(quota: Quota, allowed: bool, until_next: Duration) -> LimitStatus {
    let remaining = if allowed { u64::from(quota.burst / 2) } else { 0 };
    LimitStatus { quota, allowed, remaining, until_next, until_full: Duration::from_secs(1) }
}
