//! The workers that call the provider: so many at once, woken when there is work, and looking for what nobody was
//! woken for. Several processes may run them; a claim is a lease that ends with its holder.

use crate::{
    app::Payments,
    config, metrics as names,
    provider::Provider,
    store::calls::{self, Job, Lease},
};
use breaker::State;
use chassis::{Scope, telemetry};
use rand::Rng;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

/// How many calls are claimed at once while the breaker lets only a few through.
const TRIALS: usize = 3;

/// Where work is handed over. Clones are the same.
#[derive(Clone)]
pub struct Desk {
    slots: Arc<Semaphore>,
    wake: Arc<Notify>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    settings: config::Worker,
}

/// The right to make one call at a time.
pub struct Slot {
    // Given back when the slot is dropped.
    _permit: OwnedSemaphorePermit,
}

impl Slot {
    fn of(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: permit }
    }
}

impl Desk {
    /// A desk with as many workers as configured.
    #[must_use]
    pub fn new(settings: config::Worker, tasks: TaskTracker, shutdown: CancellationToken) -> Self {
        let slots = Arc::new(Semaphore::new(settings.at_once as usize));
        Self { slots, wake: Arc::default(), tasks, shutdown, settings }
    }

    /// A free worker, if there is one and the provider may be called.
    #[must_use]
    pub fn slot(&self, provider: &Provider) -> Option<Slot> {
        let closed = provider.breaker().0 == State::Closed && !self.shutdown.is_cancelled();
        if closed { Arc::clone(&self.slots).try_acquire_owned().ok().map(Slot::of) } else { None }
    }

    /// A new lease.
    #[must_use]
    pub fn lease(&self) -> Lease {
        Lease { id: Uuid::now_v7(), length: Duration::from_millis(self.settings.lease_ms) }
    }

    /// Tells the workers that there is something to do.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// How long a call waits after so many tries: doubling, and a little by chance.
    #[must_use]
    pub fn pause(&self, tries: i32) -> Duration {
        let doublings = u32::try_from(tries.saturating_sub(1)).unwrap_or_default().min(20);
        let pause = Duration::from_millis(self.settings.first_pause_ms).saturating_mul(1 << doublings);
        pause.min(self.longest_pause()).mul_f64(rand::rng().random_range(0.8..1.2))
    }

    /// The longest that a call waits.
    #[must_use]
    pub fn longest_pause(&self) -> Duration {
        Duration::from_millis(self.settings.longest_pause_ms)
    }

    /// Has a worker make a call that is claimed.
    pub fn hand(&self, slot: Slot, payments: Payments, job: Job) {
        let desk = self.clone();
        self.tasks.spawn(async move {
            let due = Box::pin(desk.work(&payments, &job)).await;
            drop(slot);
            if let Some(pause) = due {
                // No longer than this process: then the sweep of another finds it.
                desk.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
                desk.wake();
            }
        });
    }

    /// Makes the call, in the trace and on behalf of the request that it belongs to.
    async fn work(&self, payments: &Payments, job: &Job) -> Option<Duration> {
        let span = tracing::info_span!(
            "provider_call",
            otel.kind = "internal",
            payment.id = %job.payment_id,
            call.kind = job.work.kind()
        );
        if let Some(traceparent) = &job.origin.traceparent {
            telemetry::continue_trace(&span, traceparent);
        }
        let made = Scope::of(job.origin.correlation_id.as_deref(), span).run(payments.call(job)).await;
        made.unwrap_or_else(|error| {
            tracing::warn!(
                payment.id = %job.payment_id,
                error = format!("{:#}", anyhow::Error::from(error)),
                "An outcome could not be written: the provider will be asked for it."
            );
            None
        })
    }

    fn sweep(&self) -> Duration {
        Duration::from_millis(self.settings.sweep_ms)
    }
}

impl Payments {
    /// Hands out what is due; a background task.
    ///
    /// # Errors
    /// Fails when the database does; to be started again.
    pub async fn hand_out(self) -> anyhow::Result<()> {
        loop {
            if !self.hand_out_once().await? {
                self.idle().await;
            }
        }
    }

    /// Hands out as much as there are workers for; says whether there may be more.
    async fn hand_out_once(&self) -> anyhow::Result<bool> {
        let desk = &self.desk;
        let state = self.provider.breaker().0;
        if state == State::Open {
            return Ok(false);
        }
        let mut slots = vec![Slot::of(Arc::clone(&desk.slots).acquire_owned().await?)];
        let most = if state == State::Closed { usize::MAX } else { TRIALS };
        while slots.len() < most
            && let Ok(slot) = Arc::clone(&desk.slots).try_acquire_owned()
        {
            slots.push(Slot::of(slot));
        }
        let jobs = calls::claim(self.db.pool(), slots.len(), desk.lease()).await?;
        let full = jobs.len() == slots.len();
        for (slot, job) in slots.into_iter().zip(jobs) {
            desk.hand(slot, self.clone(), job);
        }
        Ok(full)
    }

    /// Waits for a word, the next sweep, or the breaker's next move.
    async fn idle(&self) {
        let moves = match self.provider.breaker() {
            (State::Open, Some(moves)) => moves,
            _ => Duration::MAX,
        };
        let _ = tokio::time::timeout(self.desk.sweep().min(moves), self.desk.wake.notified()).await;
    }

    /// Counts what has no outcome.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn measure(self) -> anyhow::Result<()> {
        let (count, oldest) = calls::unsettled(self.db.pool()).await?;
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!(names::UNSETTLED).set(count as f64);
        metrics::gauge!(names::UNSETTLED_OLDEST).set(oldest);
        Ok(())
    }
}
