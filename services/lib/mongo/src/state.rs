//! What consumers remember: collections `messages_waiting` and `dead_letter_audit`; and how messaging's collections are made.

use crate::Db;
use crate::outbox::{OUTBOX, OUTBOX_LEASE};
use anyhow::{Context as _, Result};
use bson::{DateTime, Document, doc};
use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use messaging::ConsumerState;
use messaging::state::{AuditEntry, Waiting};
use mongodb::{Collection, Database, IndexModel};
use uuid::Uuid;

const WAITING: &str = "messages_waiting";
const AUDIT: &str = "dead_letter_audit";

/// Makes the collections and indexes; harmless when they are there.
pub async fn prepare(database: &Database) -> Result<()> {
    let existing = database.list_collection_names().await?;
    // A transaction may make a collection, but takes a lock for it that others trip over.
    for name in [OUTBOX, WAITING, AUDIT] {
        if !existing.iter().any(|known| known == name) {
            create(database, name).await?;
        }
    }
    let by_consumer = |keys| IndexModel::builder().keys(keys).build();
    let waiting = by_consumer(doc! { "_id.consumer": 1, "subject": 1, "position": 1 });
    database.collection::<Document>(WAITING).create_index(waiting).await?;
    let audit = by_consumer(doc! { "consumer": 1, "at": -1 });
    database.collection::<Document>(AUDIT).create_index(audit).await?;
    let free = doc! { "$setOnInsert": { "until": DateTime::from_millis(0) } };
    database.collection::<Document>(OUTBOX_LEASE).update_one(doc! { "_id": "relay" }, free).upsert(true).await?;
    Ok(())
}

/// Makes a collection, unless another process was quicker.
async fn create(database: &Database, name: &str) -> Result<()> {
    const EXISTS: i32 = 48;
    match database.create_collection(name).await {
        Err(error) if matches!(*error.kind, mongodb::error::ErrorKind::Command(ref command) if command.code == EXISTS) => {
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

fn place(consumer: &str, id: Uuid) -> Document {
    doc! { "_id": { "consumer": consumer, "message_id": id.to_string() } }
}

fn documents(database: &Database, name: &str) -> Collection<Document> {
    database.collection(name)
}

impl ConsumerState for Db {
    fn waiting<'a>(&'a self, consumer: &'a str) -> BoxFuture<'a, Result<Vec<Waiting>>> {
        let read = |document: &Document| {
            let id = document.get_document("_id")?.get_str("message_id")?.parse()?;
            let subject = document.get_str("subject")?.to_owned();
            Ok(Waiting { subject, id, position: document.get_i64("position")? })
        };
        Box::pin(async move {
            let found = documents(self.database(), WAITING)
                .find(doc! { "_id.consumer": consumer })
                .sort(doc! { "subject": 1, "position": 1 })
                .await?;
            let found: Vec<Document> = found.try_collect().await?;
            found.iter().map(read).collect::<Result<_>>().context("messages_waiting cannot be read")
        })
    }

    fn put<'a>(&'a self, consumer: &'a str, waiting: &'a Waiting) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let entry = doc! {
                "subject": &waiting.subject,
                "position": waiting.position,
                "since": DateTime::now(),
            };
            documents(self.database(), WAITING)
                .update_one(place(consumer, waiting.id), doc! { "$setOnInsert": entry })
                .upsert(true)
                .await?;
            Ok(())
        })
    }

    fn remove<'a>(&'a self, consumer: &'a str, id: Uuid) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            documents(self.database(), WAITING).delete_one(place(consumer, id)).await?;
            Ok(())
        })
    }

    fn record<'a>(&'a self, entry: &'a AuditEntry) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let document = doc! {
                "consumer": &entry.consumer,
                "message_id": entry.message_id.to_string(),
                "subject": &entry.subject,
                "action": &entry.action,
                "actor": &entry.actor,
                "reason": &entry.reason,
                "at": DateTime::from_chrono(entry.at),
            };
            documents(self.database(), AUDIT).insert_one(document).await?;
            Ok(())
        })
    }

    fn audit<'a>(&'a self, consumer: &'a str, limit: u32) -> BoxFuture<'a, Result<Vec<AuditEntry>>> {
        let read = |document: &Document| {
            let text = |name: &str| document.get_str(name).map(ToOwned::to_owned);
            Ok(AuditEntry {
                consumer: text("consumer")?,
                message_id: document.get_str("message_id")?.parse()?,
                subject: text("subject")?,
                action: text("action")?,
                actor: text("actor")?,
                reason: text("reason")?,
                at: document.get_datetime("at")?.to_chrono(),
            })
        };
        Box::pin(async move {
            let found = documents(self.database(), AUDIT)
                .find(doc! { "consumer": consumer })
                .sort(doc! { "at": -1, "_id": -1 })
                .limit(limit.into())
                .await?;
            let found: Vec<Document> = found.try_collect().await?;
            found.iter().map(read).collect::<Result<_>>().context("dead_letter_audit cannot be read")
        })
    }
}
