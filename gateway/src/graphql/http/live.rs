//! What lasts longer than a request: how many at once, and for how long.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chassis::http::Failure;
use chassis::jwt::{Caller, Verifier};
use contracts::problem::Code;
use parking_lot::Mutex;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config;
use crate::limits::{Limited, Limits};
use crate::metrics;
use crate::origin::Origin;

/// How long what has no token may last.
const ANONYMOUS: Duration = Duration::from_secs(60);

/// What live connections are kept with.
#[derive(Clone)]
pub struct Live {
    pub(super) verifier: Verifier,
    pub(super) config: config::Live,
    pub(crate) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
    pub(super) subscriptions: Permits,
    pub(super) sockets: Permits,
    limits: Limits,
}

impl Live {
    /// Connections end when the context shuts down, which waits for their last word.
    pub fn new(config: &config::Live, limits: Limits, context: &chassis::Context) -> Self {
        Self {
            verifier: context.verifier.clone(),
            config: config.clone(),
            shutdown: context.shutdown.clone(),
            tasks: context.tasks.clone(),
            subscriptions: Permits::new("subscriptions", config.subscriptions),
            sockets: Permits::new("sockets", config.sockets),
            limits,
        }
    }

    /// Returns when a connection must end at the latest: with the token.
    pub(crate) async fn end_of(&self, caller: Option<&Caller>) -> Instant {
        let Some(caller) = caller else { return Instant::now() + ANONYMOUS };
        // It was verified a moment ago: what is refused now has ended since.
        let claims = self.verifier.verify(caller.token.expose_secret()).await;
        let ends = claims.map_or(0, |claims| claims.exp);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::now() + Duration::from_secs(ends).saturating_sub(now)
    }

    /// Counts an operation that came over a connection which was counted long ago.
    pub(super) async fn count(&self, origin: &Origin) -> Result<(), Limited> {
        let local = self.limits.count_locally(origin.address)?;
        let user = origin.caller.as_ref().map(|caller| caller.user_id);
        self.limits.count(local, user).await.map(drop)
    }

    /// Takes a permit for an operation of a client.
    pub(crate) fn admit(&self, origin: &Origin) -> Result<Permit, Failure> {
        let full = || {
            let detail = format!("One user may have {} operations open at once.", self.config.subscriptions);
            Failure::new(Code::RateLimited, detail).retry_after(Duration::from_secs(1))
        };
        self.subscriptions.take(origin.key()).ok_or_else(full)
    }
}

/// How many of something each client has, and may have.
#[derive(Clone)]
pub(super) struct Permits {
    name: &'static str,
    limit: usize,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Permits {
    fn new(name: &'static str, limit: usize) -> Self {
        Self { name, limit, taken: Arc::default() }
    }

    /// Takes a permit of a client's, if there is one left. It is free again when dropped.
    pub(super) fn take(&self, whose: &str) -> Option<Permit> {
        let mut taken = self.taken.lock();
        let count = taken.entry(whose.to_owned()).or_default();
        if *count >= self.limit {
            metrics::refused_live(self.name);
            return None;
        }
        *count += 1;
        metrics::live(self.name, 1.0);
        Some(Permit { whose: whose.to_owned(), permits: self.clone() })
    }
}

pub(crate) struct Permit {
    whose: String,
    permits: Permits,
}

impl Drop for Permit {
    fn drop(&mut self) {
        metrics::live(self.permits.name, -1.0);
        let mut taken = self.permits.taken.lock();
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_so_many_places_and_gets_them_back() {
        let permits = Permits::new("tests", 2);
        let (one, two) = (permits.take("ana"), permits.take("ana"));
        assert!(one.is_some() && two.is_some() && permits.take("ana").is_none());
        assert!(permits.take("bia").is_some());
        drop(one);
        assert!(permits.take("ana").is_some());
        drop(two);
        assert!(permits.taken.lock().is_empty());
    }
}
