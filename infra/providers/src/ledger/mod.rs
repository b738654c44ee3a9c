//! The ledger: every charge and refund, once per idempotency key, on disk before anybody hears of it.
//!
//! What to record is decided in memory, under one lock, where the line is also queued for the file: so lines stand in
//! the order of the decisions. An answer waits until its line is on disk; lines that come together share an `fsync`.

mod books;
mod file;

use crate::payment::{Charge, NewCharge, NewRefund, Outcome, Refund};
use books::Books;
pub use books::Refused;
use file::{File, Writer};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use utoipa::ToSchema;

/// Every charge and refund. Clones are the same ledger.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Mutex<Inner>>,
    written: file::Written,
}

struct Inner {
    books: Books,
    writer: Writer,
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Entry {
    Charge {
        fingerprint: String,
        charge: Charge,
    },
    Refund {
        fingerprint: String,
        refund: Refund,
    },
    /// A webhook was delivered, or given up.
    Told {
        event_id: String,
    },
}

/// What was recorded, and whether this request did it.
#[derive(Debug, Clone)]
pub struct Recorded<T> {
    /// The charge or refund.
    pub entry: T,
    /// False when an earlier request with the key had.
    pub fresh: bool,
}

/// `GET /payments/v1/ledger`: everything, in the order in which it was recorded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Everything {
    /// Every charge.
    pub charges: Vec<Charge>,
    /// Every refund.
    pub refunds: Vec<Refund>,
}

impl Ledger {
    /// Opens the ledger in a folder; tells also which outcomes no webhook has told.
    pub fn open(directory: &Path) -> anyhow::Result<(Self, Vec<Outcome>)> {
        let (file, entries) = File::open(directory)?;
        let mut books = Books::default();
        entries.into_iter().for_each(|entry| books.enter(entry));
        let untold = books.untold();
        let (writer, written) = file.into_writer();
        Ok((Self { inner: Arc::new(Mutex::new(Inner { books, writer })), written }, untold))
    }

    /// Records a charge, or finds the one that was recorded with the key; on disk when this returns.
    pub async fn charge(
        &self,
        key: &str,
        fingerprint: String,
        new: &NewCharge,
        declined: bool,
    ) -> anyhow::Result<Result<Recorded<Charge>, Refused>> {
        self.record(key, |books| books.charge(key, fingerprint, new, declined)).await
    }

    /// Records a refund, or finds the one that was recorded with the key; on disk when this returns.
    pub async fn refund(
        &self,
        key: &str,
        fingerprint: String,
        charge_id: &str,
        new: &NewRefund,
    ) -> anyhow::Result<Result<Recorded<Refund>, Refused>> {
        self.record(key, |books| books.refund(key, fingerprint, charge_id, new)).await
    }

    /// The charge that was recorded with the key; on disk when this returns.
    pub async fn charge_by_key(&self, key: &str) -> anyhow::Result<Option<Charge>> {
        self.read(|books| books.charge_by_key(key)).await
    }

    /// The refund that was recorded with the key; on disk when this returns.
    pub async fn refund_by_key(&self, key: &str) -> anyhow::Result<Option<Refund>> {
        self.read(|books| books.refund_by_key(key)).await
    }

    /// Everything that was recorded; on disk when this returns.
    pub async fn everything(&self) -> anyhow::Result<Everything> {
        self.read(Books::everything).await
    }

    /// Notes that a webhook was delivered or given up, soon on disk: at worst it is sent again.
    pub fn told(&self, event_id: String) {
        self.inner.lock().writer.queue(&Entry::Told { event_id });
    }

    async fn read<T>(&self, question: impl FnOnce(&Books) -> T) -> anyhow::Result<T> {
        let (found, line) = {
            let inner = self.inner.lock();
            (question(&inner.books), inner.writer.queued())
        };
        self.written.reach(line).await?;
        Ok(found)
    }

    /// Decides and queues under one lock, then waits for the disk. A repeated request waits, too: its
    /// forerunner's line may still be on the way.
    async fn record<T>(
        &self,
        key: &str,
        decide: impl FnOnce(&mut Books) -> Result<(T, Option<Entry>), Refused>,
    ) -> anyhow::Result<Result<Recorded<T>, Refused>> {
        let (entry, fresh, line) = {
            let mut inner = self.inner.lock();
            let (entry, new) = match decide(&mut inner.books) {
                Ok(decided) => decided,
                Err(refused) => return Ok(Err(refused)),
            };
            let fresh = new.is_some();
            if let Some(new) = new {
                inner.writer.queue(&new);
            }
            (entry, fresh, inner.writer.queued())
        };
        self.written.reach(line).await?;
        tracing::debug!(idempotency_key = key, fresh, "An entry is on disk.");
        Ok(Ok(Recorded { entry, fresh }))
    }
}
