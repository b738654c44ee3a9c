//! The collection `idempotency_keys`: what was answered to a request that may come again.

use super::{WRITE_CONFLICT, code, is_duplicate};
use crate::error::Error;
use mongodb::bson::{DateTime, doc};
use mongodb::{ClientSession, Collection, Database};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The collection `idempotency_keys`; its rows end after 72 hours.
#[derive(Debug, Clone)]
pub struct Replays {
    rows: Collection<Row>,
}

/// What was answered to the first request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The hash of the request.
    pub fingerprint: String,
    pub answer: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    id: String,
    fingerprint: String,
    answer: String,
    created_at: DateTime,
}

impl Replays {
    pub(super) fn new(database: &Database) -> Self {
        Self { rows: database.collection("idempotency_keys") }
    }

    /// What was answered to the user's request `operation` with this key, if it came before.
    pub async fn find(&self, user: Uuid, operation: &str, key: &str) -> Result<Option<Replay>, Error> {
        let row = self.rows.find_one(doc! { "_id": place(user, operation, key) }).await?;
        Ok(row.map(|row| Replay { fingerprint: row.fingerprint, answer: row.answer }))
    }

    /// Writes the answer down, in the transaction of what it tells of. Must be the transaction's first write: a
    /// conflict then means that a request with the same key is under way. Fails with [`Error::IdempotencyInProgress`]
    /// when one is under way, or has just ended.
    pub async fn insert(
        &self,
        session: &mut ClientSession,
        user: Uuid,
        operation: &str,
        key: &str,
        replay: &Replay,
    ) -> Result<(), Error> {
        let row = Row {
            id: place(user, operation, key),
            fingerprint: replay.fingerprint.clone(),
            answer: replay.answer.clone(),
            created_at: DateTime::now(),
        };
        match self.rows.insert_one(row).session(session).await {
            Err(error) if is_duplicate(&error) || code(&error) == Some(WRITE_CONFLICT) => {
                Err(Error::IdempotencyInProgress)
            }
            outcome => Ok(outcome.map(drop)?),
        }
    }
}

fn place(user: Uuid, operation: &str, key: &str) -> String {
    format!("{user}/{operation}/{key}")
}
