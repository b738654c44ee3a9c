//! The inbox in MongoDB: collections `inbox` and `inbox_versions`.

use crate::messaging::Message;
use bson::{Bson, DateTime, Document, doc};
use mongodb::{ClientSession, Collection, Database, error::Result};

/// The inbox of one consumer.
#[derive(Debug, Clone)]
pub struct Inbox {
    consumer: String,
    entries: Collection<Document>,
    versions: Collection<Document>,
}

impl Inbox {
    /// The inbox of the consumer with this name.
    pub fn new(database: &Database, consumer: impl Into<String>) -> Self {
        Self {
            consumer: consumer.into(),
            entries: database.collection("inbox"),
            versions: database.collection("inbox_versions"),
        }
    }

    /// Notes the message as handled; `false` when it was handled before. Of two concurrent repeats
    /// one meets a write conflict and, run again by the driver, the other's entry.
    ///
    /// # Errors
    /// Fails when the database does; the error's labels tell the driver whether to run again.
    pub async fn accept(&self, session: &mut ClientSession, message: &Message) -> Result<bool> {
        let id = doc! { "consumer": &self.consumer, "event_id": message.id.to_string() };
        // An insert that meets its key would abort the whole transaction; an upsert does not.
        let noted = self
            .entries
            .update_one(doc! { "_id": id }, doc! { "$setOnInsert": { "received_at": DateTime::now() } })
            .upsert(true)
            .session(session)
            .await?;
        Ok(noted.upserted_id.is_some())
    }

    /// Like [`accept`](Self::accept), and `false` also when the subject has been seen in this
    /// version or a newer one: for copies, which only the newest state matters to.
    ///
    /// # Errors
    /// Fails when the database does.
    pub async fn accept_newest(&self, session: &mut ClientSession, message: &Message) -> Result<bool> {
        if !self.accept(session, message).await? {
            return Ok(false);
        }
        let version = i64::try_from(message.version).unwrap_or(i64::MAX);
        let id = doc! { "consumer": &self.consumer, "subject": &message.subject };
        let newest = doc! { "$max": { "version": version } };
        let before =
            self.versions.find_one_and_update(doc! { "_id": id }, newest).upsert(true).session(session).await?;
        let seen = before.and_then(|seen| seen.get("version").and_then(Bson::as_i64));
        Ok(seen.is_none_or(|seen| seen < version))
    }
}
