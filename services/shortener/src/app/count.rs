//! Counting clicks on links, each exactly once, from the stream that analytics reads too.

use crate::{
    error::Error,
    metrics::CLICKS_COUNTED,
    store::{Progress, Store, Transaction},
};
use anyhow::bail;
use chassis::messaging::{
    Broker, Message,
    lock::Lock,
    stream::{Reader, Record, Start, StreamError},
    topology,
};
use contracts::{amqp::CLICKS_LOG, envelope::EventData, event::shortener::UrlClicked};
use metrics::counter;
use std::{collections::HashMap, time::Duration};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Held by the one instance that counts.
const LOCK: &str = "shortener.click-counter";
/// The most records of the stream that are counted in one transaction.
const MOST_RECORDS: usize = 50;
/// How long it is waited for more of them.
const PATIENCE: Duration = Duration::from_millis(200);

/// Counts clicks.
///
/// The stream's offset, each spool's watermark and the counts move in one transaction, from the
/// very progress that was read before: whoever else counts, or counted and died, nothing is
/// counted twice or left out.
#[derive(Clone)]
pub struct Counter {
    store: Store,
    broker: Broker,
}

impl Counter {
    /// Makes a counter.
    #[must_use]
    pub fn new(store: Store, broker: Broker) -> Self {
        Self { store, broker }
    }

    /// Counts until `shutdown` is cancelled, when no other instance does.
    ///
    /// # Errors
    /// Fails when the lock is lost, the store is away, or another instance counts all the same.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let working = async {
            topology::declare_shared(&self.broker.channel().await?).await?;
            let lock = Lock::acquire(&self.broker, LOCK).await?;
            tokio::select! {
                outcome = self.count() => outcome,
                () = lock.lost() => bail!("the counter's lock was lost"),
            }
        };
        shutdown.run_until_cancelled(working).await.unwrap_or(Ok(()))
    }

    async fn count(&self) -> anyhow::Result<()> {
        let mut transaction = self.store.transaction().await?;
        self.store.counts.take_over(&transaction).await?;
        let mut progress = self.store.counts.progress().await?;
        let mut reader = self.open(progress.offset.map_or(Start::First, Start::After));
        loop {
            let records = match reader.next_many(MOST_RECORDS, PATIENCE).await {
                Ok(records) => records,
                Err(StreamError::Rewound { expected, .. }) => {
                    tracing::error!(
                        stream.expected = expected,
                        "The stream of clicks begins anew; watermarks tell what was counted."
                    );
                    reader = self.open(Start::First);
                    continue;
                }
            };
            let mut after = progress.clone();
            let clicks = sum(&records, &mut after);
            self.advance(&mut transaction, &progress, &after, &clicks).await?;
            counter!(CLICKS_COUNTED).increment(clicks.values().sum());
            progress = after;
        }
    }

    fn open(&self, start: Start) -> Reader {
        Reader::open(&self.broker, CLICKS_LOG, start).prefetch(100)
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

/// Sums the clicks that were not counted yet, by link, and moves the progress over all of them.
fn sum(records: &[Record], progress: &mut Progress) -> HashMap<Uuid, u64> {
    let mut clicks = HashMap::new();
    for record in records {
        progress.offset = Some(record.offset);
        if let Some(batch) = decode(&record.message) {
            add(&batch, progress, &mut clicks);
        }
    }
    clicks
}

fn decode(message: &Message) -> Option<UrlClicked> {
    if message.kind != UrlClicked::TYPE {
        return None;
    }
    match message.decode::<UrlClicked>() {
        Ok(event) => Some(event.data),
        Err(error) => {
            tracing::error!(error = %error, message.id = %message.id, "Clicks cannot be read and are passed over.");
            None
        }
    }
}

/// Adds what lies above the spool's watermark, and raises it.
fn add(batch: &UrlClicked, progress: &mut Progress, clicks: &mut HashMap<Uuid, u64>) {
    let watermark = progress.watermarks.entry(batch.spool_id).or_default();
    for (sequence, click) in (batch.first_sequence..).zip(&batch.clicks) {
        if sequence > *watermark {
            *clicks.entry(click.url_id).or_default() += 1;
            *watermark = sequence;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::event::shortener::Click;
    use proptest::prelude::*;

    fn batch(spool_id: Uuid, first_sequence: u64, links: &[Uuid]) -> UrlClicked {
        let click = |url_id: &Uuid| Click {
            url_id: *url_id,
            clicked_at_ms: 0,
            visitor: String::new(),
            referrer: None,
            user_agent: None,
            country: None,
            language: None,
        };
        UrlClicked { spool_id, first_sequence, clicks: links.iter().map(click).collect() }
    }

    proptest! {
        #[test]
        fn however_often_the_latest_clicks_are_repeated_each_counts_once(
            total in 1_usize..60, cuts in proptest::collection::vec((0_usize..60, 1_usize..20), 1..20),
        ) {
            let spool = Uuid::now_v7();
            let links: Vec<Uuid> = (0..total).map(|n| Uuid::from_u128(n as u128 % 3)).collect();
            let (mut progress, mut clicks, mut sent) = (Progress::default(), HashMap::new(), 0);
            for (back, length) in cuts.into_iter().chain([(0, total)]) {
                let from = sent - back.min(sent);
                let to = (from + length).min(total).max(from);
                add(&batch(spool, from as u64 + 1, &links[from..to]), &mut progress, &mut clicks);
                sent = sent.max(to);
            }
            prop_assert_eq!(clicks.values().sum::<u64>(), sent as u64);
            prop_assert_eq!(progress.watermarks.get(&spool).copied().unwrap_or_default(), sent as u64);
        }
    }
}
