//! Clicks on their way into one block.

use crate::domain::agent::Agents;
use crate::domain::click::CountedClick;
use crate::domain::watermark::Watermarks;
use crate::metrics;
use crate::store::clicks::NewClick;
use chrono::{DateTime, Utc};
use contracts::envelope::EventData;
use contracts::event::shortener::{Click, UrlClicked};
use messaging::stream::Record;
use std::collections::HashMap;
use uuid::Uuid;

/// Consecutive records of the stream, without the clicks that came before.
#[derive(Default)]
pub(super) struct Block {
    pub(super) rows: Vec<NewClick>,
    /// By spool, when its last click in the block was clicked, in milliseconds.
    latest: HashMap<Uuid, i64>,
}

impl Block {
    /// Adds a record's clicks; a record without clicks is logged and counted.
    pub(super) fn add(&mut self, record: &Record, epoch: u32, watermarks: &mut Watermarks, agents: &Agents) {
        let Some(batch) = decode(record) else { return };
        let fresh = watermarks.take(batch.spool_id, batch.first_sequence, batch.clicks.len());
        ::metrics::counter!(metrics::CLICKS_REPEATED).increment(fresh.repeated as u64);
        if fresh.missing > 0 {
            ::metrics::counter!(metrics::CLICKS_MISSING).increment(fresh.missing);
            tracing::error!(spool.id = %batch.spool_id, spool.sequence = batch.first_sequence, missing = fresh.missing, "Clicks are missing from the stream.");
        }
        if let Some(last) = batch.clicks.last() {
            self.latest.insert(batch.spool_id, last.clicked_at_ms);
        }
        let ingested_on = self.rows.first().map_or_else(|| day(record), |first| first.ingested_on);
        let sequences = batch.first_sequence..;
        let origin = Origin { spool: batch.spool_id, epoch, offset: record.offset, ingested_on };
        let new = sequences.zip(batch.clicks).skip(fresh.repeated);
        self.rows.extend(new.map(|(sequence, click)| origin.row(sequence, click, agents)));
    }

    /// Names the origin of the stream where the block begins: two blocks that begin there have the same token.
    pub(super) fn token(&self, attempt: u32) -> Option<String> {
        let first = self.rows.first()?;
        Some(format!(
            "{}:{}:{}:{}:{attempt}",
            first.stream_epoch, first.stream_offset, first.spool_id, first.spool_sequence
        ))
    }

    /// Until when, once the block is stored, clicks of its spools are certainly counted: each spool publishes in order.
    pub(super) fn certain_until(&self) -> Option<DateTime<Utc>> {
        self.latest.values().min().and_then(|ms| DateTime::from_timestamp_millis(*ms))
    }
}

struct Origin {
    spool: Uuid,
    epoch: u32,
    offset: u64,
    ingested_on: u16,
}

impl Origin {
    fn row(&self, sequence: u64, click: Click, agents: &Agents) -> NewClick {
        let url_id = click.url_id;
        let counted = CountedClick::new(click, agents);
        NewClick {
            url_id,
            clicked_at: counted.at_ms,
            visitor: counted.visitor,
            referrer: counted.referrer,
            country: counted.country,
            language: counted.language,
            operating_system: counted.agent.operating_system,
            device: counted.agent.device,
            is_bot: counted.agent.is_bot,
            browser: counted.agent,
            spool_id: self.spool,
            spool_sequence: sequence,
            stream_epoch: self.epoch,
            stream_offset: self.offset,
            ingested_on: self.ingested_on,
        }
    }
}

/// Reads a batch of clicks without copying it first: batches are large.
pub(crate) fn decode(record: &Record) -> Option<UrlClicked> {
    let message = &record.message;
    let is_batch = message.kind == UrlClicked::TYPE && message.dataschema == UrlClicked::schema();
    let decoded = if is_batch {
        serde_json::from_str(message.data.get()).map_err(|error| error.to_string())
    } else {
        Err(format!("unexpected schema {}", message.dataschema))
    };
    decoded
        .inspect_err(|error| {
            ::metrics::counter!(metrics::RECORDS_SKIPPED).increment(1);
            tracing::error!(stream.offset = record.offset, error, "A record is not a batch of clicks and is skipped.");
        })
        .ok()
}

/// The day on which a record was published, in days since the Unix epoch.
fn day(record: &Record) -> u16 {
    u16::try_from(record.message.time.timestamp().div_euclid(86_400)).unwrap_or_default()
}
