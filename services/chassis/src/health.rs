//! Health: `/health/live` says that the process runs, `/health/ready` that it can do its work.

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use futures::future::{BoxFuture, FutureExt, join_all};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// How long one probe may take.
const PROBE_LIMIT: Duration = Duration::from_secs(2);
/// How long a report is handed out again, so that pollers do not load the dependencies.
const REPORT_AGE: Duration = Duration::from_secs(1);

type Probe = Arc<dyn Fn() -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// The dependencies of a unit, each with a probe.
#[derive(Clone, Default)]
pub struct Health {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    probes: Mutex<Vec<Dependency>>,
    last: tokio::sync::Mutex<Option<(Instant, Report)>>,
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
    /// Adds a dependency without which the unit is not ready.
    pub fn register<F, Fut>(&self, name: &'static str, probe: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.add(name, true, probe);
    }

    /// Adds a dependency without which the unit is degraded, but works.
    pub fn register_optional<F, Fut>(&self, name: &'static str, probe: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.add(name, false, probe);
    }

    fn add<F, Fut>(&self, name: &'static str, needed: bool, probe: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || probe().boxed());
        let mut probes = self.inner.probes.lock().unwrap_or_else(PoisonError::into_inner);
        probes.push(Dependency { name, needed, probe });
    }

    /// Probes every dependency at once, or repeats a report younger than a second.
    pub async fn report(&self) -> Report {
        let mut last = self.inner.last.lock().await;
        if let Some((at, report)) = &*last
            && at.elapsed() < REPORT_AGE
        {
            return report.clone();
        }
        let probes = self.inner.probes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let states = join_all(probes.into_iter().map(Dependency::state)).await;
        let report = Report::of(states.into_iter().collect());
        *last = Some((Instant::now(), report.clone()));
        report
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
        health.register("store", || async { Ok(()) });
        health.register_optional("cache", || async { anyhow::bail!("gone") });
        assert_eq!(health.report().await.status, Status::Degraded);

        let health = Health::default();
        health.register("store", || async { anyhow::bail!("gone") });
        let report = health.report().await;
        assert_eq!(report.status, Status::Unavailable);
        assert!(!report.dependencies["store"].up);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_hangs_counts_as_down() {
        let health = Health::default();
        health.register("store", std::future::pending);
        assert_eq!(health.report().await.status, Status::Unavailable);
    }
}
