//! Gathers records of the stream into blocks.

use super::block::{Block, decode};
use super::progress::IngestProgress;
use crate::config::Ingest;
use crate::domain::agent::Agents;
use crate::domain::watermark::Watermarks;
use crate::store::clicks::{Last, Progress};
use chrono::Utc;
use contracts::amqp::CLICKS_LOG;
use contracts::event::shortener::UrlClicked;
use messaging::Broker;
use messaging::stream::{Reader, Record, Start, StreamError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long the stream must be silent to count as read to its end.
const CALM: Duration = Duration::from_secs(1);
/// How long the broker may take to deliver a record that is there.
const DELIVERY: Duration = Duration::from_secs(10);
/// How many records are fetched ahead: a block's worth.
const PREFETCH: u16 = 64;
/// How much sooner a block is closed after a pause than while clicks flow.
const HASTE: u32 = 10;

/// Reads the stream after what is stored.
pub(super) struct Gatherer<'a> {
    reader: Reader,
    epoch: u32,
    watermarks: Watermarks,
    agents: &'a Agents,
    limits: Ingest,
    /// When the last block was closed.
    closed: Option<Instant>,
}

impl<'a> Gatherer<'a> {
    pub(super) fn new(broker: &Broker, progress: Progress, agents: &'a Agents, limits: Ingest) -> Self {
        // The last record is read again, to be recognised.
        let before = progress.last.and_then(|last| last.offset.checked_sub(1));
        let start = before.map_or(Start::First, Start::After);
        Self {
            reader: Reader::open(broker, CLICKS_LOG, start).prefetch(PREFETCH).doubt(DELIVERY),
            epoch: progress.epoch,
            watermarks: progress.watermarks,
            agents,
            limits,
            closed: None,
        }
    }

    /// Reads the record that is stored last once more, and says whether it is where it was. A stream
    /// that was deleted and made anew, or lost its end, has something else there, or nothing.
    pub(super) async fn recognises(&mut self, last: Last) -> bool {
        let record = self.reader.next_or_end(DELIVERY).await;
        record.is_ok_and(|record| record.is_some_and(|record| is_last(&record, last)))
    }

    /// Waits for the next records and gathers them until there are enough or time is up.
    ///
    /// Clicks that come after a pause are not kept waiting; while they flow, blocks are larger, for ClickHouse's sake.
    pub(super) async fn next(&mut self, progress: &IngestProgress) -> Result<Block, StreamError> {
        let mut block = Block::default();
        let first = self.first(progress).await?;
        progress.opened();
        self.add(&mut block, &first);
        let patience = self.limits.patience();
        let flows = self.closed.is_some_and(|at| at.elapsed() < patience * 2);
        let until = Instant::now() + if flows { patience } else { patience / HASTE };
        while block.rows.len() < self.limits.block_rows {
            match timeout_at(until, self.reader.next()).await {
                Ok(Ok(record)) => self.add(&mut block, &record),
                // An error comes again with the next call.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        self.closed = Some(Instant::now());
        Ok(block)
    }

    /// Waits for a record; as long as none comes, everything is counted.
    async fn first(&mut self, progress: &IngestProgress) -> Result<Record, StreamError> {
        loop {
            let since = Utc::now();
            match self.reader.next_or_end(CALM).await? {
                Some(record) => return Ok(record),
                None => progress.calm(since),
            }
        }
    }

    fn add(&mut self, block: &mut Block, record: &Record) {
        block.add(record, self.epoch, &mut self.watermarks, self.agents);
    }
}

fn is_last(record: &Record, last: Last) -> bool {
    let end = |batch: &UrlClicked| batch.first_sequence + batch.clicks.len() as u64;
    record.offset == last.offset
        && decode(record).is_some_and(|batch| batch.spool_id == last.spool && end(&batch) == last.sequence + 1)
}
