//! Collections and indexes, made in order and noted when done.
//!
//! Every migration may run again without harm: two instances that start at once, or one that is killed
//! between a migration and its note, do no damage. A migration that was released is never changed; what is
//! to be otherwise is a new migration.

use anyhow::Context as _;
use mongo::IdempotencyKeys;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use std::time::Duration;

/// The collection in which done steps are noted.
const NOTES: &str = "migrations";

struct Migration {
    name: &'static str,
    collection: &'static str,
    indexes: fn() -> Vec<IndexModel>,
}

const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001 urls", collection: "urls", indexes: urls },
    Migration {
        name: "0002 idempotency_keys",
        collection: IdempotencyKeys::COLLECTION,
        indexes: || vec![IdempotencyKeys::index()],
    },
    Migration { name: "0003 visitor_salts", collection: "visitor_salts", indexes: salts },
    Migration { name: "0004 click_progress", collection: "click_progress", indexes: Vec::new },
    Migration { name: "0005 disablings", collection: "disablings", indexes: disablings },
];

/// Codes are unique for ever. Lists go by owner, newest first, with or without a tag; searches scan within them.
fn urls() -> Vec<IndexModel> {
    vec![
        index(doc! { "code": 1 }, IndexOptions::builder().unique(true).build()),
        index(doc! { "auth_user_id": 1, "_id": -1 }, IndexOptions::default()),
        index(doc! { "auth_user_id": 1, "tags": 1, "_id": -1 }, IndexOptions::default()),
    ]
}

fn disablings() -> Vec<IndexModel> {
    vec![index(doc! { "auth_user_id": 1 }, IndexOptions::default())]
}

fn salts() -> Vec<IndexModel> {
    let at_that_time = IndexOptions::builder().expire_after(Duration::ZERO).build();
    vec![index(doc! { "destroy_at": 1 }, at_that_time)]
}

fn index(keys: Document, options: IndexOptions) -> IndexModel {
    IndexModel::builder().keys(keys).options(options).build()
}

/// Runs the steps that are not noted as done.
pub async fn run(database: Database) -> anyhow::Result<()> {
    let notes: Collection<Document> = database.collection(NOTES);
    for migration in MIGRATIONS {
        if notes.find_one(doc! { "_id": migration.name }).await?.is_some() {
            continue;
        }
        apply(&database, migration).await.with_context(|| format!("migration {} failed", migration.name))?;
        let note = doc! { "$setOnInsert": { "done_at": DateTime::now() } };
        notes.update_one(doc! { "_id": migration.name }, note).upsert(true).await?;
        tracing::info!(migration.name = migration.name, "A migration is done.");
    }
    Ok(())
}

async fn apply(database: &Database, migration: &Migration) -> anyhow::Result<()> {
    /// The code of MongoDB's complaint that a collection exists.
    const EXISTS: i32 = 48;
    match database.create_collection(migration.collection).await {
        Err(error) if matches!(&*error.kind, ErrorKind::Command(refusal) if refusal.code == EXISTS) => {}
        outcome => outcome?,
    }
    let indexes = (migration.indexes)();
    if !indexes.is_empty() {
        database.collection::<Document>(migration.collection).create_indexes(indexes).await?;
    }
    Ok(())
}
