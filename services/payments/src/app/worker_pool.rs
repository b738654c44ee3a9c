//! The workers that call the provider: how many at once, for how long each holds a call, and when to look for work.

use crate::config;
use crate::domain::Lease;
use rand::Rng;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{AcquireError, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// Runs calls in the background, at most so many at once. Clones share it.
#[derive(Clone)]
pub struct WorkerPool {
    permits: Arc<Semaphore>,
    woken: Arc<Notify>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    settings: config::Worker,
}

impl WorkerPool {
    #[must_use]
    pub fn new(settings: config::Worker, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        let permits = Arc::new(Semaphore::new(settings.at_once as usize));
        Self { permits, woken: Arc::default(), tasks, shutdown, settings }
    }

    /// A permit to make one call, unless all are taken or the process is ending.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.shutdown.is_cancelled() { None } else { Arc::clone(&self.permits).try_acquire_owned().ok() }
    }

    /// Waits for one permit, and takes up to `most` of those that are free then.
    pub(super) async fn permits(&self, most: usize) -> Result<Vec<OwnedSemaphorePermit>, AcquireError> {
        let mut permits = vec![Arc::clone(&self.permits).acquire_owned().await?];
        while permits.len() < most
            && let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned()
        {
            permits.push(permit);
        }
        Ok(permits)
    }

    pub(super) fn lease(&self) -> Lease {
        Lease { id: Uuid::now_v7(), length: Duration::from_millis(self.settings.lease_ms) }
    }

    /// Says that a call is due.
    pub(super) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Waits until a call is due, the next sweep comes, or `longest` is over.
    pub(super) async fn wait(&self, longest: Duration) {
        let _ = timeout(longest.min(Duration::from_millis(self.settings.sweep_ms)), self.woken.notified()).await;
    }

    /// How long a call waits after so many tries: doubling, and a little by chance.
    pub(super) fn pause(&self, tries: i32) -> Duration {
        let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(20);
        let pause = Duration::from_millis(self.settings.first_pause_ms).saturating_mul(1 << doublings);
        pause.min(self.longest_pause()).mul_f64(rand::rng().random_range(0.8..1.2))
    }

    pub(super) fn longest_pause(&self) -> Duration {
        Duration::from_millis(self.settings.longest_pause_ms)
    }

    /// Makes a call, and wakes the pool when it says after how long it is due again.
    pub(super) fn spawn(
        &self,
        permit: OwnedSemaphorePermit,
        call: impl Future<Output = Option<Duration>> + Send + 'static,
    ) {
        let pool = self.clone();
        self.tasks.spawn(async move {
            let due = call.await;
            drop(permit);
            if let Some(pause) = due {
                // No longer than this process: then the sweep of another finds it.
                pool.shutdown.run_until_cancelled(sleep(pause)).await;
                pool.wake();
            }
        });
    }
}
