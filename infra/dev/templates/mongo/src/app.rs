//! The use cases.

use crate::{
    Error,
    domain::{Note, Text},
    metrics,
    store::Store,
};
use chrono::{SubsecRound as _, Utc};
use mongo::Db;
use uuid::Uuid;

/// Notes, in a database.
#[derive(Clone)]
pub struct Notes {
    store: Store,
}

impl Notes {
    #[must_use]
    pub fn new(db: &Db) -> Self {
        Self { store: Store::new(db) }
    }

    /// Writes a note of a user's. What others are told is written in one transaction with it: see the library `mongo`.
    pub async fn write(&self, auth_user_id: Uuid, text: &Text) -> Result<Note, Error> {
        // MongoDB keeps milliseconds.
        let created_at = Utc::now().trunc_subsecs(3);
        let note = Note { id: Uuid::now_v7(), auth_user_id, text: text.as_str().to_owned(), created_at };
        self.store.insert(&note).await?;
        ::metrics::counter!(metrics::WRITTEN).increment(1);
        Ok(note)
    }

    /// Reads a note of a user's.
    pub async fn read(&self, auth_user_id: Uuid, id: Uuid) -> Result<Note, Error> {
        self.store.find(auth_user_id, id).await?.ok_or(Error::UnknownNote)
    }
}
