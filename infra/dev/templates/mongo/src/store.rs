//! The collection `notes`. Each query names the owner.

use crate::domain::Note;
use chrono::{DateTime, Utc};
use mongo::Db;
use mongodb::{
    Collection, Database, IndexModel,
    bson::{self, doc},
    error::Result,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const NOTES: &str = "notes";

/// A note as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    auth_user_id: bson::Uuid,
    text: String,
    created_at: bson::DateTime,
}

/// Makes the indexes; may run again.
pub(crate) async fn migrate(database: Database) -> anyhow::Result<()> {
    let by_owner = IndexModel::builder().keys(doc! { "auth_user_id": 1, "_id": -1 }).build();
    database.collection::<Row>(NOTES).create_index(by_owner).await?;
    Ok(())
}

#[derive(Clone)]
pub(crate) struct Store {
    notes: Collection<Row>,
}

impl Store {
    pub(crate) fn new(db: &Db) -> Self {
        Self { notes: db.database().collection(NOTES) }
    }

    pub(crate) async fn insert(&self, note: &Note) -> Result<()> {
        let row = Row {
            id: note.id.into(),
            auth_user_id: note.auth_user_id.into(),
            text: note.text.clone(),
            created_at: note.created_at.into(),
        };
        self.notes.insert_one(row).await?;
        Ok(())
    }

    pub(crate) async fn find(&self, auth_user_id: Uuid, id: Uuid) -> Result<Option<Note>> {
        let own = doc! { "_id": bson::Uuid::from(id), "auth_user_id": bson::Uuid::from(auth_user_id) };
        let row = self.notes.find_one(own).await?;
        Ok(row.map(|row| Note {
            id: row.id.into(),
            auth_user_id: row.auth_user_id.into(),
            text: row.text,
            created_at: DateTime::<Utc>::from(row.created_at),
        }))
    }
}
