//! Clicks from the stream into ClickHouse, each exactly once, whatever dies meanwhile.
//!
//! * How far ingestion has come stands in the rows themselves: the stream's offset to go on after, and
//!   every spool's highest sequence, below which clicks are repeats. Whatever interrupts, it is read again.
//! * A block is inserted whole or not at all, and by compare-and-swap: see [`crate::store::clicks`].
//!   Two ingesters that run at once, or an insert of which nobody knows how it ended, cannot double a click.
//! * A lock at the broker keeps it at one ingester; it saves work and is not what correctness rests on.

mod block;
mod gather;
mod progress;

use crate::config::Ingest;
use crate::domain::agent::Agents;
use crate::metrics;
use crate::store::clicks::{Last, Progress};
use crate::store::{Database, StoreError};
use block::Block;
pub(crate) use block::decode;
use chrono::Utc;
use gather::Gatherer;
use messaging::lock::Lock;
use messaging::stream::StreamError;
use messaging::{Broker, topology};
use progress::IngestProgress;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval, sleep};

const LOCK: &str = "analytics.ingester";
/// How often it is told until when clicks are certainly counted.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// The shortest and the longest pause before ingestion is resumed.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Ingests clicks. Cheap to clone.
#[derive(Clone)]
pub struct Ingester {
    database: Database,
    broker: Broker,
    agents: Arc<Agents>,
    limits: Ingest,
}

/// Why ingestion begins again after what is stored.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("the stream is not the one of which clicks are stored")]
    Foreign,
    /// A block that begins at the same place was stored before this one.
    #[error("another block was stored in this one's place")]
    Overtaken,
}

/// What one interruption leaves to the next try.
#[derive(Default)]
struct Resumption {
    /// Whether the stream is another one than the offsets in the table are of.
    rewound: bool,
    /// Where the last try began.
    began: Option<(u32, Option<Last>)>,
    /// How often a block was overtaken there without anything having been stored. That is so when
    /// the server died after it noted the token and before it stored the block.
    attempt: u32,
}

impl Ingester {
    /// Makes an ingester; [`run`](Self::run) starts it.
    pub fn new(database: Database, broker: Broker, agents: Arc<Agents>, limits: Ingest) -> Self {
        // There from the start: the alert on its growth sees the first loss, too.
        let _ = ::metrics::counter!(metrics::CLICKS_MISSING);
        Self { database, broker, agents, limits }
    }

    /// Ingests as soon as and as long as this process holds the lock; a background task. Fails when the broker is away
    /// or the lock is lost; to be started again.
    pub async fn run(self) -> anyhow::Result<()> {
        topology::declare_shared(&self.broker.channel().await?).await?;
        let lock = Lock::acquire(&self.broker, LOCK).await?;
        let progress = IngestProgress::default();
        tokio::select! {
            never = self.ingest(&progress) => match never {},
            never = self.tell(&progress) => match never {},
            () = lock.lost() => anyhow::bail!("the ingester's lock is lost"),
        }
    }

    async fn ingest(&self, progress: &IngestProgress) -> Infallible {
        let mut resumption = Resumption::default();
        let mut pause = PAUSES.0;
        loop {
            let stored_before = progress.as_of();
            let Err(interruption) = self.follow(&mut resumption, progress).await;
            pause = if progress.as_of() > stored_before { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            resumption.rewound = matches!(interruption, Interruption::Stream(_) | Interruption::Foreign);
            resumption.attempt += u32::from(matches!(interruption, Interruption::Overtaken));
            ::metrics::counter!(metrics::INGEST_RESUMED).increment(1);
            tracing::warn!(
                error = format!("{:#}", anyhow::Error::new(interruption)),
                "Ingestion was interrupted and resumes after what is stored."
            );
            sleep(pause).await;
        }
    }

    /// Follows the stream from what is stored on, until something is amiss.
    async fn follow(&self, resumption: &mut Resumption, progress: &IngestProgress) -> Result<Infallible, Interruption> {
        progress.begin();
        let stored = self.progress(resumption).await?;
        let (mut attempt, last) = (resumption.attempt, stored.last);
        tracing::info!(stream.epoch = stored.epoch, stream.offset = last.map(|last| last.offset), "Ingestion begins.");
        let mut gatherer = Gatherer::new(&self.broker, stored, &self.agents, self.limits);
        if let Some(last) = last
            && !gatherer.recognises(last).await
        {
            return Err(Interruption::Foreign);
        }
        let mut block = gatherer.next(progress).await?;
        loop {
            // While one block is stored, the next one is gathered.
            let gathering = async { Ok(gatherer.next(progress).await?) };
            ((), block) = tokio::try_join!(self.store(block, attempt, progress), gathering)?;
            // Only the first block began where one was overtaken.
            attempt = 0;
        }
    }

    /// Reads how far ingestion has come, once nothing can change that any more.
    async fn progress(&self, resumption: &mut Resumption) -> Result<Progress, Interruption> {
        self.database.settle().await?;
        let mut progress = self.database.progress().await?;
        if resumption.rewound {
            // Another stream: its offsets say nothing of ours, but the spools' sequences still do.
            progress.epoch += 1;
            progress.last = None;
        }
        let began = Some((progress.epoch, progress.last));
        if resumption.began != began {
            resumption.attempt = 0;
            resumption.began = began;
        }
        Ok(progress)
    }

    async fn store(&self, block: Block, attempt: u32, progress: &IngestProgress) -> Result<(), Interruption> {
        if let (Some(token), Some(last)) = (block.token(attempt), block.rows.last()) {
            self.database.insert_clicks(&block.rows, &token).await?;
            if self.database.last_offset(last.stream_epoch).await? != Some(last.stream_offset) {
                return Err(Interruption::Overtaken);
            }
            ::metrics::counter!(metrics::CLICKS_STORED).increment(block.rows.len() as u64);
            ::metrics::counter!(metrics::BLOCKS_STORED).increment(1);
            #[allow(clippy::cast_precision_loss)]
            ::metrics::gauge!(metrics::STREAM_OFFSET).set(last.stream_offset as f64);
        }
        progress.stored(block.certain_until());
        Ok(())
    }

    /// Tells everybody who counts, in whichever process, until when clicks are certainly counted.
    async fn tell(&self, progress: &IngestProgress) -> Infallible {
        let mut ticks = interval(TELL_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = None;
        loop {
            ticks.tick().await;
            let Some(as_of) = progress.as_of() else { continue };
            let lag = (Utc::now() - as_of).to_std().unwrap_or_default();
            ::metrics::gauge!(metrics::INGEST_LAG).set(lag.as_secs_f64());
            if told != Some(as_of) && self.database.note_as_of(as_of).await.is_ok() {
                told = Some(as_of);
            }
        }
    }
}
