//! The sweep: moves on what no reply moved on in time.

use crate::engine::Engine;
use crate::error::Error;
use crate::metrics;
use crate::store::{self, Lock};
use crate::transition::Trigger;
use chassis::telemetry;
use chrono::{DateTime, Days, TimeDelta, Utc};
use futures::StreamExt as _;
use messaging::Broker;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

/// How many sagas are claimed at a time.
const BATCH: u32 = 64;
/// How many of them are moved at once.
const AT_ONCE: usize = 4;
/// How often the sagas are counted for the metrics.
const MEASURE_EVERY: Duration = Duration::from_secs(15);
/// How often old sagas are forgotten.
const PURGE_EVERY: Duration = Duration::from_secs(3600);
/// For how long a saga is left alone that could not be moved, in seconds.
const POSTPONED: i64 = 30;
/// For how many days from its start a saga is kept at least: as long as events are in the log.
const KEPT_DAYS: u64 = 180;
/// How many are forgotten at a time: few enough that nobody waits for their locks.
const FORGOTTEN_AT_ONCE: u32 = 1_000;

impl Engine {
    /// Moves on, until `shutdown` is cancelled, the sagas whose time has come: steps that time out,
    /// deadlines, local steps to be tried again. Forgets what is over and old. Several processes may sweep.
    ///
    /// No time passes for a step whose command is still in the outbox, nor while `broker` is away: then its reply cannot
    /// come. It has its full time anew afterwards.
    pub async fn sweep(self, broker: Broker, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut reach = broker.reach();
        let mut ticks = interval(self.sweep_every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut measured, mut purged) = (None::<Instant>, None::<Instant>);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(reached) = shutdown.run_until_cancelled(reach.since()).await else { break };
            self.unit.note_reached(reached);
            while !shutdown.is_cancelled() && self.round(reached).await? == BATCH as usize {}
            if measured.is_none_or(|at| at.elapsed() > MEASURE_EVERY) {
                self.measure().await?;
                measured = Some(Instant::now());
            }
            if purged.is_none_or(|at| at.elapsed() > PURGE_EVERY) {
                self.purge().await?;
                purged = Some(Instant::now());
            }
        }
        Ok(())
    }

    /// Moves on one batch, with the broker reached since some moment; says how many there were.
    async fn round(&self, reached: Option<DateTime<Utc>>) -> anyhow::Result<usize> {
        let due = store::due(self.db.pool(), Utc::now(), BATCH).await?;
        let count = due.len();
        let moves = futures::stream::iter(due).for_each_concurrent(AT_ONCE, |(id, traceparent, unpublished)| {
            let span = tracing::info_span!("saga", saga.id = %id);
            if let Some(traceparent) = &traceparent {
                telemetry::continue_trace(&span, traceparent);
            }
            self.move_on(id, Trigger::Due { reached, unpublished }).instrument(span)
        });
        moves.await;
        Ok(count)
    }

    async fn move_on(&self, id: Uuid, due: Trigger) {
        let error = match self.transact(id, &due, Lock::Skip).await {
            // Somebody else holds it, or was faster.
            Ok(()) | Err(Error::NotFound | Error::Refused(_)) => return,
            Err(error) => error,
        };
        tracing::error!(saga.id = %id, error = format!("{:#}", anyhow::Error::from(error)), "A saga whose time has come could not be moved on.");
        // One that fails for ever must not keep the sweep from the others.
        let until = Utc::now() + TimeDelta::seconds(POSTPONED);
        if let Err(error) = store::postpone(self.db.pool(), id, until).await {
            tracing::warn!(saga.id = %id, error = %error, "A saga could not be postponed.");
        }
    }

    async fn measure(&self) -> anyhow::Result<()> {
        let census = store::census(self.db.pool()).await?;
        ::metrics::gauge!(metrics::NEEDS_ATTENTION).set(census.needing_attention as f64);
        ::metrics::gauge!(metrics::UNDER_WAY).set(census.under_way as f64);
        ::metrics::gauge!(metrics::OVERDUE).set(census.overdue);
        Ok(())
    }

    /// Forgets sagas that began more than 180 days ago and that nothing can happen to any more, with their history.
    /// One that is completed and can still be cancelled stays until it is closed.
    async fn purge(&self) -> anyhow::Result<()> {
        let before = Utc::now() - Days::new(KEPT_DAYS);
        let with_pivot = self.unit.flows().iter().filter(|flow| flow.shape().pivot.is_some());
        let irrevocable: Vec<_> = with_pivot.map(|flow| flow.kind()).collect();
        loop {
            let gone = store::forget(self.db.pool(), before, &irrevocable, FORGOTTEN_AT_ONCE).await?;
            ::metrics::counter!(metrics::FORGOTTEN).increment(gone.unsigned_abs());
            if gone < i64::from(FORGOTTEN_AT_ONCE) {
                return Ok(());
            }
        }
    }
}
