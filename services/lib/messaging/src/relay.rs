//! Publishes what stands in an outbox.

use crate::outbox::{Claimed, Store, Wake};
use crate::wire::Frame;
use crate::{PublishError, Publisher, delays, in_time, metrics, topology};
use chassis::batch_delay::BatchDelay;
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

/// How often the outbox is counted for the metrics.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How many messages are more than what one change of state has to tell.
const LARGE: usize = 8;

/// What became of a batch.
#[derive(Default)]
struct Round {
    published: HashSet<Uuid>,
    /// What the broker would not take.
    refused: HashSet<Uuid>,
    /// Why others could not be published, if the broker was away.
    failure: Option<anyhow::Error>,
}

/// Publishes what stands in an outbox: at least once, each subject in order. Several may run.
///
/// It never asks for rows "after the last one seen": commits land out of order, and such a reader
/// misses what commits late. It claims what is there and deletes what is published.
#[derive(Clone)]
pub struct Relay<S> {
    id: Uuid,
    store: S,
    publisher: Publisher,
    sweep: Duration,
    lease: Duration,
    batch: u32,
}

impl<S: Store> Relay<S> {
    /// Makes a relay; [`run`](Self::run) starts it.
    #[must_use]
    pub fn new(store: S, publisher: Publisher) -> Self {
        let (sweep, lease) = (Duration::from_secs(2), Duration::from_secs(3));
        Self { id: Uuid::now_v7(), store, publisher, sweep, lease, batch: 256 }
    }

    /// Sets how often the outbox is looked at when nothing wakes the relay (2 s).
    #[must_use]
    pub fn sweep(mut self, every: Duration) -> Self {
        self.sweep = every;
        self
    }

    /// Sets after how long the claims of a relay that died are free again (3 s).
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Publishes until `shutdown` is cancelled; while the store or the broker is away, it waits.
    /// Claims that cannot be handed back at the end run out by themselves.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let written = Arc::new(Notify::new());
        let listening = listen(self.store.clone(), Arc::clone(&written));
        let _listener = AbortOnDropHandle::new(tokio::spawn(listening));
        let (mut delays, mut measured, mut declared) = (delays(), None::<Instant>, false);
        let mut delay = BatchDelay::after(LARGE);
        while !shutdown.is_cancelled() {
            if measured.is_none_or(|at| at.elapsed() > MEASURE_EVERY) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            delay.wait().await;
            let round = self.round(&mut declared).await;
            delay.note(*round.as_ref().unwrap_or(&0));
            let pause = match round {
                Ok(0) => self.sweep,
                Ok(_) => {
                    delays = crate::delays();
                    continue;
                }
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::warn!(error, "The outbox could not be emptied; the relay tries again.");
                    let delay = delays.next().unwrap_or_default();
                    tokio::select! { () = sleep(delay) => {}, () = shutdown.cancelled() => {} }
                    continue;
                }
            };
            tokio::select! {
                () = written.notified() => {}
                () = sleep(pause) => {}
                () = shutdown.cancelled() => {}
            }
        }
        in_time(self.store.release(self.id)).await
    }

    async fn declare(&self) -> anyhow::Result<()> {
        let channel = self.publisher.broker().channel().await?;
        topology::declare_shared(&channel).await
    }

    /// Claims and publishes one batch; says how many were claimed. What the broker refuses, because
    /// nobody has declared a queue for it or that queue is full, holds back its subject and nothing
    /// else: it stays claimed until the lease ends.
    async fn round(&self, declared: &mut bool) -> anyhow::Result<usize> {
        if !*declared {
            self.declare().await?;
            *declared = true;
        }
        let claimed = in_time(self.store.claim(self.id, self.batch, self.lease)).await?;
        if claimed.is_empty() {
            return Ok(0);
        }
        let ids: Vec<Uuid> = claimed.iter().map(|row| row.id).collect();
        let Round { published, refused, failure } = self.publish(claimed).await;
        ::metrics::counter!(metrics::OUTBOX_PUBLISHED).increment(published.len() as u64);
        let back: Vec<Uuid> =
            ids.iter().filter(|id| !published.contains(id) && !refused.contains(id)).copied().collect();
        let done: Vec<Uuid> = published.into_iter().collect();
        in_time(self.store.settle(self.id, &done, &back)).await?;
        ::metrics::counter!(metrics::OUTBOX_FAILED).increment((ids.len() - done.len()) as u64);
        // A broker that came back without its data does not know the exchange any more.
        *declared = failure.is_none();
        failure.map_or(Ok(ids.len()), Err)
    }

    /// Publishes the subjects side by side, the messages of each one after the other: the next goes
    /// out when the one before is confirmed. No consumer gets messages of two exchanges, so a subject's
    /// messages wait only for those to the same one.
    async fn publish(&self, claimed: Vec<Claimed>) -> Round {
        let mut subjects: HashMap<(String, String), Vec<Claimed>> = HashMap::new();
        for row in claimed {
            let subject = (row.exchange.clone(), row.subject.clone());
            subjects.entry(subject).or_default().push(row);
        }
        // Well before the lease ends: another relay could otherwise publish the same beside us.
        let until = Instant::now() + self.lease / 2;
        let done = join_all(subjects.into_values().map(|rows| async move {
            let mut published = Vec::with_capacity(rows.len());
            for row in rows {
                if Instant::now() > until {
                    break;
                }
                let frame = Frame::written(&row.id.to_string(), &row.subject, row.envelope);
                match self.publisher.send(row.exchange, row.routing_key, frame).await {
                    Ok(()) => published.push(row.id),
                    Err(error) => return (published, Some((row.id, error))),
                }
            }
            (published, None)
        }));
        let mut round = Round::default();
        for (ids, error) in done.await {
            round.published.extend(ids);
            match error {
                None => {}
                Some((_, error @ PublishError::Unavailable(_))) => round.failure = Some(error.into()),
                Some((id, error)) => {
                    tracing::warn!(message.id = %id, error = %error, "A message of the outbox waits, and its subject's later ones with it.");
                    round.refused.insert(id);
                }
            }
        }
        round
    }

    async fn measure(&self) {
        match in_time(self.store.pending()).await {
            Ok(pending) => {
                ::metrics::gauge!(metrics::OUTBOX_PENDING).set(pending.count as f64);
                ::metrics::gauge!(metrics::OUTBOX_OLDEST).set(pending.oldest);
            }
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "The outbox could not be counted.");
            }
        }
    }
}

/// Rings `written` at every write, and once after listening anew: something may have been missed.
async fn listen<S: Store>(store: S, written: Arc<Notify>) {
    let mut delays = delays();
    loop {
        let error = match store.listen().await {
            Ok(mut wake) => loop {
                written.notify_one();
                match wake.woken().await {
                    Ok(()) => delays = crate::delays(),
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        tracing::warn!(error = format!("{error:#}"), "Listening for writes to the outbox failed; the sweep stands in.");
        sleep(delays.next().unwrap_or_default()).await;
    }
}
