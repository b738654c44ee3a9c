//! Connections and operations that outlast a request: how many there may be, and for how long.

use crate::limits::{Limited, Limits};
use crate::origin::Origin;
use crate::permits::{Permit, Permits};
use crate::{config, metrics};
use chassis::http::Failure;
use chassis::jwt::{Caller, Verifier};
use contracts::problem::Code;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest duration without a token.
const ANONYMOUS: Duration = Duration::from_secs(60);

/// The limits and the lifetime of live connections. Clones count together.
#[derive(Clone)]
pub struct Live {
    pub(super) verifier: Verifier,
    pub(super) config: config::Live,
    pub(crate) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) subscriptions: Lasting,
    pub(super) sockets: Lasting,
    limits: Limits,
}

impl Live {
    pub fn new(config: &config::Live, limits: Limits, context: &chassis::Context) -> Self {
        Self {
            verifier: context.verifier.clone(),
            config: config.clone(),
            shutdown: context.shutdown.clone(),
            tasks: context.tasks.clone(),
            subscriptions: Lasting::new("subscriptions", config.subscriptions),
            sockets: Lasting::new("sockets", config.sockets),
            limits,
        }
    }

    /// Returns when a connection must end: with its token.
    pub(crate) async fn end_of(&self, caller: Option<&Caller>) -> Instant {
        let Some(caller) = caller else { return Instant::now() + ANONYMOUS };
        // The token was valid a moment ago. If it is refused now, it has expired.
        let claims = self.verifier.verify(caller.token.expose_secret()).await;
        let ends = claims.map_or(0, |claims| claims.exp);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::now() + Duration::from_secs(ends).saturating_sub(now)
    }

    /// Returns the timer of pings on a quiet connection.
    pub(super) fn pings(&self) -> Interval {
        let every = Duration::from_millis(self.config.ping_ms);
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings
    }

    /// Counts an operation on an open connection against the rate limits.
    pub(super) async fn count(&self, origin: &Origin) -> Result<(), Limited> {
        let local = self.limits.count_locally(origin.address)?;
        let user = origin.caller.as_ref().map(|caller| caller.user_id);
        self.limits.count(local, user).await.map(drop)
    }

    pub(crate) fn admit(&self, origin: &Origin) -> Result<LivePermit, Failure> {
        let full = || {
            let detail =
                format!("One user may have {} operations open at once. End one first.", self.config.subscriptions);
            Failure::new(Code::RateLimited, detail).retry_after(Duration::from_secs(1))
        };
        self.subscriptions.take(origin.key()).ok_or_else(full)
    }
}

/// Permits that are also counted in the metrics, under `name`.
#[derive(Clone)]
pub(super) struct Lasting {
    name: &'static str,
    permits: Permits,
}

impl Lasting {
    fn new(name: &'static str, limit: usize) -> Self {
        Self { name, permits: Permits::new(limit) }
    }

    pub(super) fn take(&self, client: &Arc<str>) -> Option<LivePermit> {
        let Some(permit) = self.permits.take(client) else {
            metrics::refused_live(self.name);
            return None;
        };
        metrics::live(self.name, 1.0);
        Some(LivePermit { name: self.name, _permit: permit })
    }
}

/// A permit of [`Lasting`], free again when dropped.
pub(crate) struct LivePermit {
    name: &'static str,
    _permit: Permit,
}

impl Drop for LivePermit {
    fn drop(&mut self) {
        metrics::live(self.name, -1.0);
    }
}
