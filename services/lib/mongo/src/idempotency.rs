//! The collection `idempotency_keys`: what was answered to requests that may come again.

use crate::code;
use bson::{DateTime, doc};
use chassis::http::KeyedRequest;
use chassis::http::idempotency::{Earlier, KEPT, KeyRefused};
use mongodb::error::Result;
use mongodb::options::IndexOptions;
use mongodb::{ClientSession, Collection, Database, IndexModel};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The codes of MongoDB's complaints about a value that a unique index knows already, and about another transaction that
/// writes the same document.
const TAKEN: [i32; 2] = [11_000, 112];

/// The answers to requests that may come again.
#[derive(Debug, Clone)]
pub struct IdempotencyKeys {
    rows: Collection<Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    scope: String,
    /// In hexadecimal digits.
    fingerprint: String,
    /// JSON.
    answer: String,
    created_at: DateTime,
}

impl IdempotencyKeys {
    /// The collection's name.
    pub const COLLECTION: &'static str = "idempotency_keys";

    /// Names the collection, which a service's migrations make, with [`index`](Self::index).
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self { rows: database.collection(Self::COLLECTION) }
    }

    /// The index by which MongoDB forgets keys whose time is over.
    #[must_use]
    pub fn index() -> IndexModel {
        let kept = IndexOptions::builder().expire_after(KEPT).build();
        IndexModel::builder().keys(doc! { "created_at": 1 }).options(kept).build()
    }

    /// Says what is known of the request. One that is under way is only noticed by [`keep`](Self::keep).
    pub async fn find(&self, request: &KeyedRequest) -> Result<Earlier> {
        let Some(row) = self.rows.find_one(doc! { "_id": request.scope() }).await? else { return Ok(Ok(None)) };
        if row.fingerprint != hex::encode(request.fingerprint) {
            return Ok(Err(KeyRefused::Mismatch));
        }
        Ok(Ok(Some(serde_json::from_str::<Value>(&row.answer).map_err(mongodb::error::Error::custom)?)))
    }

    /// Keeps the answer, in the transaction of what it tells of. Must be the transaction's first write: a conflict then
    /// means that a request with the same key is under way, or has just ended ([`KeyRefused::InProgress`]).
    pub async fn keep(
        &self,
        session: &mut ClientSession,
        request: &KeyedRequest,
        answer: &(impl Serialize + Sync),
    ) -> Result<std::result::Result<(), KeyRefused>> {
        let row = Row {
            scope: request.scope(),
            fingerprint: hex::encode(request.fingerprint),
            answer: serde_json::to_string(answer).map_err(mongodb::error::Error::custom)?,
            created_at: DateTime::now(),
        };
        match self.rows.insert_one(row).session(session).await {
            Err(error) if code(&error).is_some_and(|code| TAKEN.contains(&code)) => Ok(Err(KeyRefused::InProgress)),
            outcome => outcome.map(|_| Ok(())),
        }
    }
}
