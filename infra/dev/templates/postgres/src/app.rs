//! The use cases, one transaction each.

use crate::{
    Error,
    domain::{Note, Text},
    metrics, store,
};
use chrono::{SubsecRound as _, Utc};
use postgres::Db;
use uuid::Uuid;

/// Notes, in a database.
#[derive(Clone)]
pub struct Notes {
    db: Db,
}

impl Notes {
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Writes a note of a user's.
    pub async fn write(&self, auth_user_id: Uuid, text: &Text) -> Result<Note, Error> {
        // Postgres keeps microseconds.
        let created_at = Utc::now().trunc_subsecs(6);
        let note = Note { id: Uuid::now_v7(), auth_user_id, text: text.as_str().to_owned(), created_at };
        let mut tx = self.db.begin().await?;
        store::insert(&mut tx, &note).await?;
        // What others are told goes here: `tx.enqueue(Event::new(…))`.
        tx.commit().await?;
        ::metrics::counter!(metrics::WRITTEN).increment(1);
        Ok(note)
    }

    /// Reads a note of a user's.
    pub async fn read(&self, auth_user_id: Uuid, id: Uuid) -> Result<Note, Error> {
        store::find(self.db.pool(), auth_user_id, id).await?.ok_or(Error::UnknownNote)
    }
}
