//! The table `clicks`: inserted by compare-and-swap, and itself the record of how far ingestion has come.

use super::{Database, StoreError, measured};
use crate::domain::agent::Agent;
use crate::domain::watermark::Watermarks;
use clickhouse::Row;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// How long an insert may take.
const INSERT_LIMIT: Duration = Duration::from_secs(30);
/// How long killing inserts of an earlier ingester may take.
const SETTLE_LIMIT: Duration = Duration::from_secs(10);

/// A click as it is stored.
#[derive(Debug, Clone, Row, Serialize)]
pub struct NewClick {
    #[serde(with = "clickhouse::serde::uuid")]
    pub url_id: Uuid,
    /// When, in milliseconds since the Unix epoch.
    pub clicked_at: i64,
    /// The keyed hash of the visitor.
    pub visitor: u128,
    /// The host that the visitor came from, or `direct`.
    pub referrer: String,
    /// The country's code, or `unknown`.
    pub country: String,
    /// The language's subtag, or `unknown`.
    pub language: String,
    #[serde(serialize_with = "shared")]
    pub browser: Arc<Agent>,
    /// The operating system's name.
    pub operating_system: &'static str,
    /// The kind of device.
    pub device: &'static str,
    pub is_bot: bool,
    /// The spool that held it.
    #[serde(with = "clickhouse::serde::uuid")]
    pub spool_id: Uuid,
    /// Its place in the spool.
    pub spool_sequence: u64,
    /// How many times the stream was found to be another one.
    pub stream_epoch: u32,
    /// The place of its batch in the stream.
    pub stream_offset: u64,
    /// When the first batch of its block was published, in days since the Unix epoch.
    pub ingested_on: u16,
}

fn shared<S: Serializer>(agent: &Arc<Agent>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&agent.browser)
}

/// How far ingestion has come, by the rows themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The stream's epoch; grows each time the stream turns out to be another one.
    pub epoch: u32,
    /// The end of what is stored of that epoch.
    pub last: Option<Last>,
    /// What is stored of every spool.
    pub watermarks: Watermarks,
}

/// The last click that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// The place of its batch in the stream; the batch ends with it.
    pub offset: u64,
    pub spool: Uuid,
    /// Its place in the spool.
    pub sequence: u64,
}

#[derive(Row, Deserialize)]
struct ProgressRow {
    #[serde(with = "clickhouse::serde::uuid")]
    spool_id: Uuid,
    stream_epoch: u32,
    sequence: u64,
    offset: u64,
}

impl Database {
    /// Reads how far ingestion has come.
    pub async fn progress(&self) -> Result<Progress, StoreError> {
        let query = self.client.query_raw(
            "SELECT spool_id, stream_epoch, max(spool_sequence) AS sequence, max(stream_offset) AS offset \
             FROM clicks GROUP BY spool_id, stream_epoch",
        );
        let marks = self.rows::<ProgressRow>("progress", query).await?;
        let mut progress = Progress::default();
        for mark in &marks {
            progress.watermarks.raise(mark.spool_id, mark.sequence);
        }
        if let Some(last) = marks.iter().max_by_key(|mark| (mark.stream_epoch, mark.offset)) {
            let &ProgressRow { spool_id: spool, stream_epoch, sequence, offset } = last;
            (progress.epoch, progress.last) = (stream_epoch, Some(Last { offset, spool, sequence }));
        }
        Ok(progress)
    }

    /// Reads the last offset of an epoch of which rows are stored.
    pub async fn last_offset(&self, epoch: u32) -> Result<Option<u64>, StoreError> {
        let sql = format!("SELECT max(stream_offset) FROM clicks WHERE stream_epoch = {epoch} GROUP BY stream_epoch");
        Ok(self.rows::<u64>("last offset", self.client.query_raw(&sql)).await?.first().copied())
    }

    /// Makes sure that no insert of clicks still runs, whichever process began it.
    pub async fn settle(&self) -> Result<(), StoreError> {
        let ours = "current_database = currentDatabase() AND query ILIKE 'INSERT INTO%clicks%'";
        let count = format!("SELECT count() FROM system.processes WHERE {ours}");
        let kill = format!("KILL QUERY WHERE {ours} ASYNC FORMAT Null");
        let until = Instant::now() + SETTLE_LIMIT;
        while self.rows::<u64>("inserts", self.client.query_raw(&count)).await? != [0] {
            if Instant::now() > until {
                return Err(StoreError::Unavailable(clickhouse::error::Error::TimedOut));
            }
            self.run("kill inserts", SETTLE_LIMIT, &kill).await?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Inserts clicks as one block of one partition: stored whole or not at all. A block that begins where another one
    /// began carries the same `token`, and only the first of them is stored: the caller finds out by
    /// [`last_offset`](Self::last_offset). Fails when ClickHouse did not confirm; the clicks may be stored even so.
    pub async fn insert_clicks(&self, clicks: &[NewClick], token: &str) -> Result<(), StoreError> {
        let whole = clicks.len().max(1).to_string();
        let work = async {
            let mut insert = self
                .client
                .insert::<NewClick>("clicks")
                .await?
                .with_setting("insert_deduplication_token", token)
                .with_setting("max_execution_time", INSERT_LIMIT.as_secs().to_string())
                .with_setting("async_insert", "0")
                .with_setting("max_insert_block_size", &whole)
                .with_setting("min_insert_block_size_rows", &whole)
                .with_setting("min_insert_block_size_bytes", "0");
            for click in clicks {
                insert.write(click).await?;
            }
            insert.end().await
        };
        measured("insert clicks", INSERT_LIMIT, work).await
    }
}
