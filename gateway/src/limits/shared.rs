//! Limits over all gateways, in a Redis of their own.

use super::{LimitStatus, Quota};
use crate::{config, store};
use redis::Script;
use redis::aio::ConnectionManager;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a Redis that is away is tried, and the timeout of that try. No request waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOK_LIMIT: Duration = Duration::from_secs(1);

/// The Redis of the limits. After a failure or timeout, no request asks it until it answers again.
#[derive(Clone)]
pub(super) struct Shared(Arc<Inner>);

struct Inner {
    connection: ConnectionManager,
    prefix: String,
    buckets: Script,
    patience: Duration,
    is_away: AtomicBool,
}

impl Shared {
    pub(super) fn new(config: &config::Limits) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            connection: store::connect(&config.redis, "limits.redis.url")?,
            prefix: config.redis.prefix.clone(),
            buckets: Script::new(include_str!("buckets.lua")),
            patience: Duration::from_millis(config.patience_ms),
            is_away: AtomicBool::new(false),
        })))
    }

    /// Takes a token from each bucket up to the first empty one, in one round trip. `None` while Redis is away.
    pub(super) async fn count(&self, wanted: &[(Quota, String)]) -> Option<Vec<LimitStatus>> {
        if self.0.is_away.load(Ordering::Relaxed) {
            return None;
        }
        match self.0.take(wanted, self.0.patience).await {
            Ok(statuses) => Some(statuses),
            Err(error) => {
                self.note_away(&error);
                None
            }
        }
    }

    pub(super) async fn probe(&self) -> anyhow::Result<()> {
        self.0.look().await
    }

    /// Stops requests from asking until Redis answers again.
    fn note_away(&self, error: &anyhow::Error) {
        if self.0.is_away.swap(true, Ordering::Relaxed) {
            return;
        }
        let error = format!("{error:#}");
        tracing::warn!(error, "The Redis of the limits did not answer: this gateway judges by itself.");
        tokio::spawn(come_back(Arc::downgrade(&self.0)));
    }
}

async fn come_back(inner: Weak<Inner>) {
    loop {
        sleep(LOOK_EVERY).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.look().await.is_ok() {
            inner.is_away.store(false, Ordering::Relaxed);
            tracing::info!("The Redis of the limits answers again.");
            return;
        }
    }
}

impl Inner {
    async fn take(&self, wanted: &[(Quota, String)], patience: Duration) -> anyhow::Result<Vec<LimitStatus>> {
        let mut invocation = self.buckets.prepare_invoke();
        for (quota, whom) in wanted {
            invocation.key(format!("{}limit:{}:{whom}", self.prefix, quota.name));
            invocation.arg(quota.per_second).arg(quota.burst);
        }
        let mut connection = self.connection.clone();
        let numbers = timeout(patience, invocation.invoke_async::<Vec<u64>>(&mut connection)).await??;
        let statuses = wanted.iter().zip(numbers.as_chunks::<4>().0);
        let statuses = statuses.map(|((quota, _), &[allowed, remaining, next, full])| LimitStatus {
            quota: *quota,
            allowed: allowed == 1,
            remaining,
            until_next: Duration::from_millis(next),
            until_full: Duration::from_millis(full),
        });
        Ok(statuses.collect())
    }

    /// Tries to count, because a full Redis still answers a ping.
    async fn look(&self) -> anyhow::Result<()> {
        let nobody = [(Quota { name: "nobody", per_second: 1, burst: 1 }, "look".to_owned())];
        self.take(&nobody, LOOK_LIMIT).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_redis_that_hangs_costs_the_first_request_its_patience_and_the_next_ones_nothing() {
        // Its connections are accepted by the kernel and never answered.
        let hanging = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("redis://{}", hanging.local_addr().expect("an address"));
        let config = json!({ "redis": { "url": url, "prefix": "gateway:" }, "patience_ms": 20 });
        let shared = Shared::new(&serde_json::from_value(config).expect("settings")).expect("it is a URL");
        let quota = [(Quota { name: "user", per_second: 1, burst: 1 }, "ana".to_owned())];
        let began = Instant::now();
        assert!(shared.count(&quota).await.is_none());
        assert_eq!(began.elapsed().as_millis() / 10, 2, "{:?}", began.elapsed());
        let began = Instant::now();
        for _ in 0..100 {
            assert!(shared.count(&quota).await.is_none());
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
