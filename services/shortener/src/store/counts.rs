//! The collection `click_progress`, and the counts that move along with it.

use super::row::signed;
use crate::error::Error;
use anyhow::Context as _;
use futures::TryStreamExt;
use mongo::Transaction;
use mongodb::bson::{self, DateTime, Document, doc};
use mongodb::{ClientSession, Collection, Database};
use std::collections::HashMap;
use uuid::Uuid;

/// The `_id` of the document that tells the stream's offset.
const OFFSET: &str = "offset";
/// The `_id` of the document that tells in which session counting goes on.
const SESSION: &str = "session";
/// What the `_id`s of spools' documents begin with.
const SPOOL: &str = "spool:";

/// The collection `click_progress`: one document with the offset of the last record of the stream that was counted, one
/// per spool with the sequence of its last click that was, and one that tells who counts.
#[derive(Debug, Clone)]
pub struct Counts {
    database: Database,
    progress: Collection<Document>,
}

/// How far clicks were counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The offset of the stream's last record that was counted.
    pub offset: Option<u64>,
    /// By spool, the sequence of the last click that was counted.
    pub watermarks: HashMap<Uuid, u64>,
}

impl Counts {
    pub(super) fn new(database: &Database) -> Self {
        Self { database: database.clone(), progress: database.collection("click_progress") }
    }

    /// Ends what the last counter left open, and notes in which session the next one counts.
    ///
    /// The transaction of a process that was killed stays open for a minute, and what it wrote
    /// cannot be written meanwhile. Its session is the same login's, which may end it.
    pub async fn take_over(&self, transaction: &Transaction) -> Result<(), Error> {
        let place = doc! { "_id": SESSION };
        let note = doc! { "$set": { "session": transaction.session_id(), "at": DateTime::now() } };
        let last = self.progress.find_one_and_update(place, note).upsert(true).await?;
        if let Some(Ok(session)) = last.as_ref().map(|last| last.get_document("session")) {
            self.database.run_command(doc! { "killSessions": [session] }).await?;
        }
        Ok(())
    }

    /// How far clicks were counted.
    pub async fn progress(&self) -> Result<Progress, Error> {
        let mut progress = Progress::default();
        let found: Vec<Document> = self.progress.find(doc! {}).await?.try_collect().await?;
        for document in &found {
            read(document, &mut progress).context("click_progress").map_err(Error::Internal)?;
        }
        Ok(progress)
    }

    /// Adds `clicks` to the counts of links and moves the progress from `before` to `after`. Fails with
    /// [`Error::Conflict`] when the progress is not `before`: somebody else counts, too.
    pub async fn advance(
        &self,
        session: &mut ClientSession,
        before: &Progress,
        after: &Progress,
        clicks: &HashMap<Uuid, u64>,
    ) -> Result<(), Error> {
        self.move_offset(session, before.offset, after.offset).await?;
        for (spool, sequence) in &after.watermarks {
            if before.watermarks.get(spool) == Some(sequence) {
                continue;
            }
            let place = doc! { "_id": format!("{SPOOL}{spool}") };
            let set = doc! { "$set": { "sequence": signed(*sequence), "at": DateTime::now() } };
            self.progress.update_one(place, set).upsert(true).session(&mut *session).await?;
        }
        self.add(session, clicks).await
    }

    async fn move_offset(
        &self,
        session: &mut ClientSession,
        before: Option<u64>,
        after: Option<u64>,
    ) -> Result<(), Error> {
        let Some(after) = after else { return Ok(()) };
        let set = doc! { "$set": { "offset": signed(after), "at": DateTime::now() } };
        let outcome = match before {
            Some(before) => {
                let place = doc! { "_id": OFFSET, "offset": signed(before) };
                self.progress.update_one(place, set).session(session).await?.matched_count
            }
            None => {
                let first = doc! { "_id": OFFSET, "offset": signed(after), "at": DateTime::now() };
                match self.progress.insert_one(first).session(session).await {
                    Err(error) if super::is_duplicate(&error) => 0,
                    outcome => outcome.map(|_| 1)?,
                }
            }
        };
        if outcome == 1 { Ok(()) } else { Err(Error::Conflict) }
    }

    /// Adds to the counts of many links at once. Links that are not there are passed over.
    async fn add(&self, session: &mut ClientSession, clicks: &HashMap<Uuid, u64>) -> Result<(), Error> {
        if clicks.is_empty() {
            return Ok(());
        }
        let updates: Vec<Document> = clicks
            .iter()
            .map(|(link, count)| {
                doc! {
                    "q": { "_id": bson::Uuid::from(*link) },
                    "u": { "$inc": { "click_count": signed(*count) } },
                }
            })
            .collect();
        let command = doc! { "update": "urls", "updates": updates, "ordered": false };
        let reply = self.database.run_command(command).session(session).await?;
        match reply.get_array("writeErrors") {
            Ok(errors) if !errors.is_empty() => {
                Err(Error::Internal(anyhow::anyhow!("clicks could not be added: {errors:?}")))
            }
            _ => Ok(()),
        }
    }
}

fn read(document: &Document, progress: &mut Progress) -> anyhow::Result<()> {
    let id = document.get_str("_id")?;
    if id == OFFSET {
        progress.offset = Some(document.get_i64("offset")?.unsigned_abs());
    } else if let Some(spool) = id.strip_prefix(SPOOL) {
        let sequence = document.get_i64("sequence")?.unsigned_abs();
        progress.watermarks.insert(spool.parse()?, sequence);
    }
    Ok(())
}
