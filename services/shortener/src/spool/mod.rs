//! The click spool: redirects write their clicks here before they answer, and a shipper brings
//! them to the broker. See `docs/adr/0006-click-spool.md`.
//!
//! A directory holds `spool-id` (a UUID), `lock`, `position` (how far was shipped), segments named
//! after the sequence of their first click (`00000000000000000001.ndjson`), and `quarantine` (lines
//! that could not be read). A click's sequence is that of its segment plus its line's index.
//!
//! Invariants:
//! * A click that was acknowledged outlives the process. From a power failure it is safe after at
//!   most one sync interval.
//! * Only what is safe on disk is shipped, so no sequence is ever given to another click after it
//!   was shipped.
//! * The newest segment is never deleted: it tells the next sequence.

mod directory;
mod line;
mod position;
mod read;
mod ship;
mod write;

use crate::config;
use crate::metrics::Spools;
use anyhow::Context as _;
use directory::Directory;
pub use line::Line;
use parking_lot::Mutex;
pub use ship::Shipper;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use uuid::Uuid;
use write::Writer;

/// Why a click could not be written down: its redirect must not be answered.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The segments reached the configured size.
    #[error("the spool is full")]
    Full,
    /// The disk refused.
    #[error("the spool cannot be written: {0}")]
    Disk(#[from] std::io::Error),
}

/// The spool of this process. Cheap to clone.
#[derive(Clone)]
pub struct Spool {
    inner: Arc<Inner>,
}

struct Inner {
    directory: Directory,
    id: Uuid,
    writer: Mutex<Writer>,
    bytes: AtomicU64,
    max_bytes: u64,
    failed: AtomicBool,
    /// The sequence of the next click to ship.
    shipped: AtomicU64,
    /// When that click was made, in milliseconds since the Unix epoch; 0 when there is none.
    oldest_ms: AtomicI64,
    metrics: Spools,
    /// Held as long as the spool lives: the system frees it when the process ends, however it ends.
    _lock: File,
}

/// The end of what is written, at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct WrittenEnd {
    /// The first sequence of the newest segment.
    segment: u64,
    /// That segment's length, in bytes.
    length: u64,
    /// The sequence that the next click gets.
    next: u64,
}

impl Spool {
    /// Opens the spool of a directory, making it where there is none, and mends what a process or machine that died
    /// left behind: a line that was not written whole is cut off. Fails when another process uses the directory, it
    /// cannot be read or written, or clicks are there without an id.
    pub fn open(config: &config::Spool) -> anyhow::Result<Self> {
        let directory = Directory::open(&config.directory)?;
        let lock = directory.lock()?;
        let (writer, bytes) = Writer::recover(&directory, config.segment_bytes).context("the spool's segments")?;
        let id = directory.identity(writer.mark())?;
        tracing::info!(spool.id = %id, spool.next = writer.mark().next, "The spool is open.");
        let inner = Inner {
            directory,
            id,
            writer: Mutex::new(writer),
            bytes: AtomicU64::new(bytes),
            max_bytes: config.max_bytes,
            failed: AtomicBool::new(false),
            shipped: AtomicU64::new(1),
            oldest_ms: AtomicI64::new(0),
            metrics: Spools::new(),
            _lock: lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The spool's id: with a sequence it identifies a click for ever.
    pub fn id(&self) -> Uuid {
        self.inner.id
    }

    /// Writes a click down and tells its sequence. One write to the system; it does not wait for the disk. Fails when
    /// the spool is full or the disk refuses; nothing is written then.
    pub fn append(&self, click: &Line<'_>) -> Result<u64, SpoolError> {
        line::with_bytes(click, |bytes| self.append_line(bytes))
    }

    fn append_line(&self, line: &[u8]) -> Result<u64, SpoolError> {
        let inner = &self.inner;
        let length = line.len() as u64;
        let mut writer = inner.writer.lock();
        if inner.bytes.load(Ordering::Relaxed) + length > inner.max_bytes {
            return Err(SpoolError::Full);
        }
        let outcome = writer.append(&inner.directory, line);
        inner.failed.store(outcome.is_err(), Ordering::Relaxed);
        let sequence = outcome?;
        inner.bytes.fetch_add(length, Ordering::Relaxed);
        Ok(sequence)
    }

    /// Succeeds when clicks can be written, for readiness.
    pub fn probe(&self) -> anyhow::Result<()> {
        let inner = &self.inner;
        anyhow::ensure!(!inner.failed.load(Ordering::Relaxed), "the disk refused the latest click");
        let room = inner.max_bytes.saturating_sub(inner.bytes.load(Ordering::Relaxed));
        anyhow::ensure!(room >= line::LONGEST, "the spool is full");
        Ok(())
    }

    fn mark(&self) -> WrittenEnd {
        self.inner.writer.lock().mark()
    }

    /// Brings everything that is written to disk and tells how far that is. Blocks.
    fn sync(&self) -> std::io::Result<WrittenEnd> {
        let (mark, unsynced) = self.inner.writer.lock().unsynced();
        let outcome = unsynced
            .files
            .iter()
            .try_for_each(|file| file.sync_data())
            .and_then(|()| if unsynced.names { self.inner.directory.sync() } else { Ok(()) });
        match outcome {
            Ok(()) => Ok(mark),
            Err(error) => {
                self.inner.writer.lock().put_back(unsynced);
                Err(error)
            }
        }
    }

    /// Deletes the segments before `segment`, which are shipped. Blocks.
    fn forget_before(&self, segment: u64) -> std::io::Result<()> {
        let freed = self.inner.directory.delete_before(segment)?;
        self.inner.bytes.fetch_sub(freed, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
