//! Rate limits per address and per user. A Redis of their own makes them hold over all gateways.

mod shared;

use crate::{config, metrics};
use chassis::http::Failure;
use contracts::problem::Code;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, RateLimiter};
use http::{HeaderMap, HeaderValue};
use shared::Shared;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

#[derive(Debug, Clone, Copy)]
pub struct Quota {
    name: &'static str,
    per_second: u32,
    burst: u32,
}

/// The state of a limit after one request.
#[derive(Debug, Clone, Copy)]
pub struct LimitStatus {
    quota: Quota,
    allowed: bool,
    remaining: u64,
    until_next: Duration,
    until_full: Duration,
}

/// Counts requests. While Redis is away, each gateway counts by itself.
#[derive(Clone)]
pub struct Limits {
    shared: Shared,
    address: Quota,
    user: Quota,
    local: Arc<Local>,
}

impl Limits {
    pub fn new(config: &config::Limits) -> anyhow::Result<Self> {
        let (address, user) = (config.address, config.user);
        let address = Quota { name: "address", per_second: address.per_second, burst: address.burst };
        let user = Quota { name: "user", per_second: user.per_second, burst: user.burst };
        Ok(Self { shared: Shared::new(config)?, address, user, local: Arc::new(Local::new([address, user])) })
    }

    /// Counts a request of an address at this gateway alone, before anything expensive happens. It refuses only what
    /// [`count`](Self::count) would refuse, too. Fails with [`Code::RateLimited`] when it is one too many.
    pub fn count_locally(&self, address: IpAddr) -> Result<LocalCount, Limited> {
        let whom = subscriber(address);
        let status = self.local.count(self.address, &whom);
        allowed(status).map(|status| LocalCount { whom, status })
    }

    /// Counts a request over all gateways, for its address and its user, in one round trip. Fails with
    /// [`Code::RateLimited`] when it is one too many.
    pub async fn count(&self, local: LocalCount, user: Option<Uuid>) -> Result<LimitStatus, Limited> {
        let user = user.map(|user| (self.user, user.to_string()));
        let wanted: Vec<_> = [(self.address, local.whom)].into_iter().chain(user).collect();
        let statuses = match self.shared.count(&wanted).await {
            Some(statuses) => statuses,
            None => {
                metrics::limited_locally();
                let users = wanted.iter().skip(1).map(|(quota, whom)| self.local.count(*quota, whom));
                [local.status].into_iter().chain(users).collect()
            }
        };
        statuses.into_iter().try_fold(local.status, |tightest, status| {
            let status = allowed(status)?;
            Ok(if status.quota.name == self.address.name { status } else { tightest.tighter(status) })
        })
    }

    /// Fails when Redis does not count. For readiness.
    pub async fn probe(&self) -> anyhow::Result<()> {
        self.shared.probe().await
    }
}

/// After so many requests, full buckets are dropped.
const TIDY_EVERY: u64 = 10_000;

/// Limits in memory: in front of the shared ones, and in their place while Redis is away. They are as high as those.
struct Local {
    limiters: [(&'static str, DefaultKeyedRateLimiter<String>); 2],
    clock: DefaultClock,
    counted: AtomicU64,
}

impl Local {
    fn new(quotas: [Quota; 2]) -> Self {
        let limiter = |quota: Quota| {
            let least = NonZeroU32::MIN;
            let per_second = governor::Quota::per_second(NonZeroU32::new(quota.per_second).unwrap_or(least));
            let quota_of = per_second.allow_burst(NonZeroU32::new(quota.burst).unwrap_or(least));
            (quota.name, RateLimiter::keyed(quota_of))
        };
        Self { limiters: quotas.map(limiter), clock: DefaultClock::default(), counted: AtomicU64::new(0) }
    }

    fn count(&self, quota: Quota, whom: &str) -> LimitStatus {
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

/// A request that was counted at this gateway, but not over all yet.
#[derive(Debug)]
pub struct LocalCount {
    whom: String,
    status: LimitStatus,
}

fn allowed(status: LimitStatus) -> Result<LimitStatus, Limited> {
    if status.allowed {
        return Ok(status);
    }
    metrics::limited(status.quota.name);
    Err(Limited(status))
}

/// Returns the key of an address: for IPv6 its /64, which one subscriber has alone.
pub(crate) fn subscriber(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::")
        }
    }
}

#[derive(Debug)]
pub struct Limited(LimitStatus);

impl Limited {
    pub const fn status(&self) -> &LimitStatus {
        &self.0
    }

    pub fn into_failure(self) -> Failure {
        let detail = format!("Too many requests from one {}. Wait before the next one.", self.0.quota.name);
        Failure::new(Code::RateLimited, detail).retry_after(self.0.until_next)
    }
}

impl LimitStatus {
    /// Returns the one with fewer requests remaining.
    pub const fn tighter(self, other: Self) -> Self {
        if self.remaining <= other.remaining { self } else { other }
    }

    /// Sets the three widespread headers of draft-ietf-httpapi-ratelimit-headers.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let seconds = self.until_full.as_millis().div_ceil(1_000);
        for (name, value) in [
            ("ratelimit-limit", u128::from(self.quota.burst)),
            ("ratelimit-remaining", u128::from(self.remaining)),
            ("ratelimit-reset", seconds),
        ] {
            if let Ok(value) = HeaderValue::try_from(value.to_string()) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_an_ipv4_address_or_a_64_of_ipv6() {
        let of = |text: &str| subscriber(text.parse().expect("an address"));
        assert_eq!(of("203.0.113.9"), "203.0.113.9");
        assert_eq!(of("::ffff:203.0.113.9"), "203.0.113.9");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::"), of("2001:db8:1:3::"));
    }
}
