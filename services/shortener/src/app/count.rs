//! Counting clicks on links, each exactly once, from the stream that analytics reads too.

use crate::error::Error;
use crate::metrics::CLICKS_COUNTED;
use crate::store::{Progress, Store};
use anyhow::bail;
use contracts::amqp::CLICKS_LOG;
use contracts::envelope::EventData;
use contracts::event::shortener::UrlClicked;
use messaging::lock::Lock;
use messaging::stream::{Reader, Record, Start, StreamError};
use messaging::{Broker, Message, topology};
use metrics::counter;
use mongo::Transaction;
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// Held by the one instance that counts.
const LOCK: &str = "shortener.click-counter";
/// The most records of the stream that are counted in one transaction.
const MOST_RECORDS: usize = 200;
/// How many records are fetched ahead; each may have a quarter of a megabyte.
const PREFETCH: u16 = 32;
/// How long it is waited for more of them while clicks flow. Every link that was clicked meanwhile is
/// one write to MongoDB: a second's clicks cost hardly more than those of a tenth of it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much shorter it is waited after a pause.
const HASTE: u32 = 10;

/// Counts clicks.
///
/// The stream's offset, each spool's watermark and the counts move in one transaction, from the very progress that was
/// read before: whoever else counts, or counted and died, nothing is counted twice or left out.
#[derive(Clone)]
pub struct Counter {
    store: Store,
    broker: Broker,
}

impl Counter {
    pub fn new(store: Store, broker: Broker) -> Self {
        Self { store, broker }
    }

    /// Counts when no other instance does; a background task.
    pub async fn run(self) -> anyhow::Result<()> {
        topology::declare_shared(&self.broker.channel().await?).await?;
        let lock = Lock::acquire(&self.broker, LOCK).await?;
        tokio::select! {
            outcome = self.count() => outcome,
            () = lock.lost() => bail!("the counter's lock was lost"),
        }
    }

    async fn count(&self) -> anyhow::Result<()> {
        let mut transaction = self.store.transaction().await?;
        self.store.counts.take_over(&transaction).await?;
        let mut progress = self.store.counts.progress().await?;
        let mut reader = self.open(progress.offset.map_or(Start::First, Start::After));
        let mut flows = false;
        loop {
            let patience = if flows { PATIENCE } else { PATIENCE / HASTE };
            let tally = match gather(&mut reader, &progress, patience).await {
                Ok(tally) => tally,
                Err(StreamError::Rewound { expected, .. }) => {
                    tracing::error!(
                        stream.expected = expected,
                        "The stream of clicks begins anew; watermarks tell what was counted."
                    );
                    reader = self.open(Start::First);
                    continue;
                }
            };
            self.advance(&mut transaction, &progress, &tally.progress, &tally.clicks).await?;
            counter!(CLICKS_COUNTED).increment(tally.clicks.values().sum());
            flows = tally.records > 1;
            progress = tally.progress;
        }
    }

    fn open(&self, start: Start) -> Reader {
        Reader::open(&self.broker, CLICKS_LOG, start).prefetch(PREFETCH)
    }

    async fn advance(
        &self,
        transaction: &mut Transaction,
        before: &Progress,
        after: &Progress,
        clicks: &HashMap<Uuid, u64>,
    ) -> Result<(), Error> {
        transaction.renew();
        loop {
            let session = transaction.start().await?;
            let written = self.store.counts.advance(session, before, after, clicks).await;
            if let Some(outcome) = transaction.end(written).await {
                return outcome;
            }
        }
    }
}

/// What some records of the stream say.
struct Tally {
    records: usize,
    /// Clicks that were not counted yet, by link.
    clicks: HashMap<Uuid, u64>,
    /// How far clicks are counted with them.
    progress: Progress,
}

/// Waits for a record, and sums up what comes within `patience`.
async fn gather(reader: &mut Reader, progress: &Progress, patience: Duration) -> Result<Tally, StreamError> {
    let mut tally = Tally { records: 0, clicks: HashMap::new(), progress: progress.clone() };
    tally.take(&reader.next().await?);
    let until = Instant::now() + patience;
    while tally.records < MOST_RECORDS {
        match timeout_at(until, reader.next()).await {
            Ok(Ok(record)) => tally.take(&record),
            // The error comes again with the next call.
            Ok(Err(_)) | Err(_) => break,
        }
    }
    Ok(tally)
}

impl Tally {
    fn take(&mut self, record: &Record) {
        self.records += 1;
        self.progress.offset = Some(record.offset);
        if let Some(batch) = decode(&record.message) {
            self.add(&batch);
        }
    }

    /// Adds what lies above the spool's watermark, and raises it.
    fn add(&mut self, batch: &Batch) {
        let watermark = self.progress.watermarks.entry(batch.spool_id).or_default();
        for (sequence, click) in (batch.first_sequence..).zip(&batch.clicks) {
            if sequence > *watermark {
                *self.clicks.entry(click.url_id).or_default() += 1;
                *watermark = sequence;
            }
        }
    }
}

/// [`UrlClicked`] without what counting does not need.
#[derive(Deserialize)]
struct Batch {
    spool_id: Uuid,
    first_sequence: u64,
    clicks: Vec<Clicked>,
}

#[derive(Deserialize)]
struct Clicked {
    url_id: Uuid,
}

fn decode(message: &Message) -> Option<Batch> {
    if message.kind != UrlClicked::TYPE {
        return None;
    }
    match message.view::<UrlClicked, Batch>() {
        Ok(batch) => Some(batch),
        Err(error) => {
            tracing::error!(error = %error, message.id = %message.id, "Clicks cannot be read and are passed over.");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn batch(spool_id: Uuid, first_sequence: u64, links: &[Uuid]) -> Batch {
        Batch { spool_id, first_sequence, clicks: links.iter().map(|url_id| Clicked { url_id: *url_id }).collect() }
    }

    proptest! {
        #[test]
        fn however_often_the_latest_clicks_are_repeated_each_counts_once(
            total in 1_usize..60, cuts in proptest::collection::vec((0_usize..60, 1_usize..20), 1..20),
        ) {
            let spool = Uuid::now_v7();
            let links: Vec<Uuid> = (0..total).map(|n| Uuid::from_u128(n as u128 % 3)).collect();
            let mut tally = Tally { records: 0, clicks: HashMap::new(), progress: Progress::default() };
            let mut sent = 0;
            for (back, length) in cuts.into_iter().chain([(0, total)]) {
                let from = sent - back.min(sent);
                let to = (from + length).min(total).max(from);
                tally.add(&batch(spool, from as u64 + 1, &links[from..to]));
                sent = sent.max(to);
            }
            prop_assert_eq!(tally.clicks.values().sum::<u64>(), sent as u64);
            prop_assert_eq!(tally.progress.watermarks.get(&spool).copied().unwrap_or_default(), sent as u64);
        }
    }
}
