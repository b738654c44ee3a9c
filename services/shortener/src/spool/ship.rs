//! Bringing clicks to the broker: in order, one batch at a time.

use super::position::Position;
use super::read::{self, Batch};
use super::{Spool, WrittenEnd};
use anyhow::Context as _;
use backon::{BackoffBuilder, ExponentialBuilder};
use chrono::Utc;
use contracts::envelope::{Envelope, Event, EventData};
use contracts::event::shortener::UrlClicked;
use messaging::{Broker, Outgoing, PublishError, Publisher, topology};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// For how long clicks are still shipped when the process ends; the rest is shipped at next start.
const LAST_EFFORT: Duration = Duration::from_secs(3);

/// Ships the clicks of a spool. Exactly one may run per spool.
///
/// One batch is in flight: the stream then holds the spool's clicks in order, with at most repeats
/// of the latest ones, and whoever reads it needs no more than a watermark to count each once.
#[derive(Clone)]
pub struct Shipper {
    spool: Spool,
    broker: Broker,
    publisher: Publisher,
    interval: Duration,
}

/// [`UrlClicked`], with its clicks as they were written to the spool.
#[derive(Serialize, Deserialize)]
struct Shipment {
    spool_id: Uuid,
    first_sequence: u64,
    clicks: Box<RawValue>,
}

impl EventData for Shipment {
    const TYPE: &'static str = UrlClicked::TYPE;
    const VERSION: u32 = UrlClicked::VERSION;
}

impl Shipper {
    /// Makes a shipper that brings clicks to disk every `interval`, and from there to the broker.
    pub fn new(spool: Spool, broker: Broker, interval: Duration) -> Self {
        let publisher = broker.publisher();
        Self { spool, broker, publisher, interval }
    }

    /// Works until `shutdown` is cancelled, and then ships what is there.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let (safe, marks) = watch::channel(None);
        tokio::try_join!(self.bring_to_disk(&shutdown, safe), self.ship(&shutdown, marks))?;
        Ok(())
    }

    /// Syncs in intervals, whatever the broker does, and tells how far clicks are safe.
    async fn bring_to_disk(
        &self,
        shutdown: &CancellationToken,
        safe: watch::Sender<Option<WrittenEnd>>,
    ) -> anyhow::Result<()> {
        let mut goes_on = true;
        while goes_on {
            goes_on = shutdown.run_until_cancelled(sleep(self.interval)).await.is_some();
            let spool = self.spool.clone();
            let mark = spawn_blocking(move || spool.sync()).await?.context("the spool's sync")?;
            safe.send_if_modified(|known| known.replace(mark) != Some(mark));
            self.spool.measure();
        }
        Ok(())
    }

    /// Ships what is safe until nothing more will be.
    async fn ship(
        &self,
        shutdown: &CancellationToken,
        mut marks: watch::Receiver<Option<WrittenEnd>>,
    ) -> anyhow::Result<()> {
        let spool = self.spool.clone();
        let resume = move || read::resume(&spool.inner.directory);
        let mut position = spawn_blocking(resume).await??;
        self.spool.note_shipped(position, None);
        while marks.changed().await.is_ok() {
            let Some(mark) = *marks.borrow_and_update() else { continue };
            let working = self.ship_up_to(mark, &mut position);
            if let Some(outcome) = shutdown.run_until_cancelled(working).await {
                outcome?;
                continue;
            }
            // What was in flight is published once more, which does no harm.
            let last = marks.wait_for(|known| *known != Some(mark)).await.map_or(mark, |m| m.unwrap_or(mark));
            let effort = self.ship_up_to(last, &mut position);
            if tokio::time::timeout(LAST_EFFORT, effort).await.is_err() {
                tracing::info!("Some clicks stay in the spool until the next start.");
            }
        }
        Ok(())
    }

    async fn ship_up_to(&self, mark: WrittenEnd, position: &mut Position) -> anyhow::Result<()> {
        while let Some(end) = self.ship_batch(*position, mark).await? {
            *position = end;
        }
        self.spool.note_shipped(*position, None);
        Ok(())
    }

    /// Ships one batch and tells where it ended; `None` when there is nothing to ship.
    async fn ship_batch(&self, from: Position, mark: WrittenEnd) -> anyhow::Result<Option<Position>> {
        let spool = self.spool.clone();
        let batch = spawn_blocking(move || {
            let batch = read::next(&spool.inner.directory, from, mark)?;
            spool.put_aside(&batch.unreadable)?;
            std::io::Result::Ok(batch)
        });
        let batch = batch.await?.context("the spool cannot be read")?;
        let Some(end) = batch.end else { return Ok(None) };
        let count = batch.count;
        if count > 0 {
            self.spool.note_shipped(from, Some(batch.since_ms));
            self.publish(self.envelope(batch)?).await;
        }
        let spool = self.spool.clone();
        spawn_blocking(move || {
            spool.inner.directory.note(&end)?;
            if end.segment == from.segment { Ok(()) } else { spool.forget_before(end.segment) }
        })
        .await?
        .context("the spool's position cannot be written")?;
        self.spool.inner.metrics.shipped.increment(count);
        Ok(Some(end))
    }

    fn envelope(&self, batch: Batch) -> anyhow::Result<Envelope> {
        let spool_id = self.spool.id();
        let last = batch.first + batch.count - 1;
        let clicks = RawValue::from_string(format!("[{}]", String::from_utf8(batch.clicks)?))?;
        let data = Shipment { spool_id, first_sequence: batch.first, clicks };
        Ok(Event::new(spool_id.to_string(), last, data).encode()?)
    }

    /// Publishes a batch, as often as it takes, under one id.
    async fn publish(&self, event: Envelope) {
        let mut delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(2))
            .without_max_times()
            .with_jitter()
            .build();
        let message = Outgoing::envelope(event);
        while let Err(error) = self.publisher.publish(message.clone()).await {
            tracing::warn!(error = %error, "Clicks could not be shipped; they stay in the spool for now.");
            if matches!(error, PublishError::Unroutable { .. }) {
                self.declare().await;
            }
            sleep(delays.next().unwrap_or_default()).await;
        }
    }

    /// Makes the exchange and streams where they are missing.
    async fn declare(&self) {
        let declared = async {
            let channel = self.broker.channel().await?;
            topology::declare_shared(&channel).await.context("declaring")
        };
        if let Err(error) = declared.await {
            tracing::warn!(error = format!("{error:#}"), "The stream of clicks cannot be declared.");
        }
    }
}

impl Spool {
    /// Notes how far clicks are shipped, and when the oldest was made that is not.
    fn note_shipped(&self, position: Position, oldest_ms: Option<i64>) {
        self.inner.shipped.store(position.sequence, Ordering::Relaxed);
        self.inner.oldest_ms.store(oldest_ms.unwrap_or_default(), Ordering::Relaxed);
    }

    fn measure(&self) {
        let inner = &self.inner;
        let pending = self.mark().next.saturating_sub(inner.shipped.load(Ordering::Relaxed));
        inner.metrics.pending.set(pending as f64);
        let age = match inner.oldest_ms.load(Ordering::Relaxed) {
            0 => 0,
            oldest => (Utc::now().timestamp_millis() - oldest).max(0),
        };
        inner.metrics.oldest.set(age as f64 / 1_000.0);
        inner.metrics.bytes.set(inner.bytes.load(Ordering::Relaxed) as f64);
    }

    /// Keeps lines that cannot be read, so that a person may look at them. Blocks.
    fn put_aside(&self, lines: &[Vec<u8>]) -> std::io::Result<()> {
        for line in lines {
            self.inner.directory.quarantine(line.trim_ascii_end())?;
        }
        if !lines.is_empty() {
            self.inner.metrics.quarantined.increment(lines.len() as u64);
            tracing::error!(spool.lines = lines.len(), "Lines of the spool cannot be read; they are in quarantine.");
        }
        Ok(())
    }
}
