//! Health: `/health/live` says that the process runs, `/health/ready` that it can do its work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use futures::future::{BoxFuture, FutureExt, join_all};
use serde::Serialize;
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// How long one probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// How long between two checks, so that pollers do not load the dependencies.
const PAUSE: Duration = Duration::from_secs(1);

type Probe = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// The dependencies of a unit, each with a probe.
#[derive(Clone, Default)]
pub struct Health {
    inner: Arc<Inner>,
}

struct Inner {
    probes: Mutex<Vec<Dependency>>,
    /// What the last check saw.
    seen: watch::Sender<Option<Report>>,
    checking: Once,
}

impl Default for Inner {
    fn default() -> Self {
        Self { probes: Mutex::default(), seen: watch::Sender::new(None), checking: Once::new() }
    }
}

#[derive(Clone)]
struct Dependency {
    name: &'static str,
    needed: bool,
    probe: Probe,
}

/// What `/health/ready` answers.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `ready`; `degraded` when only dependencies are away that the unit can do without; else `unavailable`.
    pub status: Status,
    /// Each dependency by name.
    pub dependencies: BTreeMap<&'static str, DependencyState>,
}

/// How a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything works.
    Ready,
    /// The unit works, but not all that it leans on.
    Degraded,
    /// The unit cannot do its work.
    Unavailable,
}

/// How a dependency is.
#[derive(Debug, Clone, Serialize)]
pub struct DependencyState {
    /// Whether its probe succeeded.
    pub up: bool,
    /// Whether the unit can do without.
    pub needed: bool,
    /// How long the probe took, in milliseconds.
    pub took_ms: u64,
}

impl Health {
    /// Adds a dependency. Without one that is needed the unit is not ready; without another it is degraded, but works.
    pub(crate) fn add<F, Fut>(&self, name: &'static str, needed: bool, probe: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || probe().boxed());
        let mut probes = self.inner.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.push(Dependency { name, needed, probe });
    }

    /// Returns what the last check saw, at once: who asks must not wait for a dependency that hangs. Only the first
    /// answer waits, for the first check.
    ///
    /// # Panics
    /// Panics outside a runtime: the first call starts the task that checks, for as long as this value lives.
    pub async fn report(&self) -> Report {
        self.inner.checking.call_once(|| drop(tokio::spawn(check_again_and_again(Arc::downgrade(&self.inner)))));
        let mut seen = self.inner.seen.subscribe();
        match seen.wait_for(Option::is_some).await.map(|report| (*report).clone()) {
            Ok(Some(report)) => report,
            // The sender is ours, and the value was waited for.
            _ => Report::of(BTreeMap::new()),
        }
    }
}

/// Checks once a second until nobody needs it.
async fn check_again_and_again(health: Weak<Inner>) {
    while let Some(inner) = health.upgrade() {
        let probes = inner.probes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let states = join_all(probes.into_iter().map(Dependency::state)).await;
        inner.seen.send_replace(Some(Report::of(states.into_iter().collect())));
        drop(inner);
        sleep(PAUSE).await;
    }
}

impl Dependency {
    async fn state(self) -> (&'static str, DependencyState) {
        let began = Instant::now();
        let outcome = timeout(PROBE_LIMIT, (self.probe)()).await;
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(format!("{error:#}")),
            Err(_) => Some("the probe took too long".to_owned()),
        };
        if let Some(error) = &failure {
            tracing::warn!(dependency.name = self.name, error, "A dependency is away.");
        }
        metrics::gauge!("dependency_up", "dependency" => self.name).set(if failure.is_none() { 1.0 } else { 0.0 });
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.name, DependencyState { up: failure.is_none(), needed: self.needed, took_ms })
    }
}

impl Report {
    fn of(dependencies: BTreeMap<&'static str, DependencyState>) -> Self {
        let status = if dependencies.values().any(|state| state.needed && !state.up) {
            Status::Unavailable
        } else if dependencies.values().any(|state| !state.up) {
            Status::Degraded
        } else {
            Status::Ready
        };
        Self { status, dependencies }
    }
}

/// `/health/live` and `/health/ready`.
pub fn routes(health: Health) -> Router {
    Router::new()
        .route("/health/live", get(|| async { Json(serde_json::json!({"status": "live"})) }))
        .route("/health/ready", get(ready))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Report>) {
    let report = health.report().await;
    let status = match report.status {
        Status::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Status::Ready | Status::Degraded => StatusCode::OK,
    };
    (status, Json(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_optional_dependency_degrades_and_a_needed_one_makes_unavailable() {
        let health = Health::default();
        health.add("store", true, || async { Ok(()) });
        health.add("cache", false, || async { anyhow::bail!("gone") });
        assert_eq!(health.report().await.status, Status::Degraded);

        let health = Health::default();
        health.add("store", true, || async { anyhow::bail!("gone") });
        let report = health.report().await;
        assert_eq!(report.status, Status::Unavailable);
        assert!(!report.dependencies["store"].up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_counts_as_down() {
        let health = Health::default();
        health.add("store", true, std::future::pending);
        assert_eq!(health.report().await.status, Status::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dependency_that_begins_to_hang_costs_nobody_who_asks_any_time() {
        let (health, hangs) = (Health::default(), watch::Sender::new(false));
        let seen = hangs.subscribe();
        health.add("store", true, move || {
            let mut seen = seen.clone();
            async move { seen.wait_for(|hangs| !hangs).await.map(drop).map_err(Into::into) }
        });
        assert_eq!(health.report().await.status, Status::Ready);
        hangs.send_replace(true);
        let began = Instant::now();
        while health.report().await.status == Status::Ready {
            assert!(began.elapsed() < PAUSE + PROBE_LIMIT + PAUSE, "it is noticed");
            sleep(Duration::from_millis(100)).await;
        }
        let asked = Instant::now();
        assert_eq!(health.report().await.status, Status::Unavailable);
        assert_eq!(asked.elapsed(), Duration::ZERO);
    }
}
