//! The collection `disablings`: owners whose links lead nowhere, because the account is being deleted or is gone.

use crate::error::Error;
use mongodb::bson::{self, Document, doc};
use mongodb::{ClientSession, Collection, Database};
use uuid::Uuid;

/// The stage of a saga that has disabled its owner's links.
const DISABLED: &str = "disabled";
/// The stage of one that has enabled them again: its last.
const ENABLED: &str = "enabled";

/// The collection `disablings`: one document per saga.
#[derive(Debug, Clone)]
pub struct Disablings {
    rows: Collection<Document>,
}

impl Disablings {
    pub(super) fn new(database: &Database) -> Self {
        Self { rows: database.collection("disablings") }
    }

    /// Notes that a saga disables an owner's links; `false` when it has enabled them again already.
    pub async fn begin(&self, owner: Uuid, saga: Uuid) -> Result<bool, Error> {
        let (id, owner) = (bson::Uuid::from(saga), bson::Uuid::from(owner));
        let first = doc! { "$setOnInsert": { "auth_user_id": owner, "stage": DISABLED } };
        let before = self.rows.find_one_and_update(doc! { "_id": id }, first).upsert(true).await?;
        Ok(before.is_none_or(|row| row.get_str("stage").is_ok_and(|stage| stage == DISABLED)))
    }

    /// Notes that a saga enables an owner's links again.
    pub async fn end(&self, owner: Uuid, saga: Uuid) -> Result<(), Error> {
        let (id, owner) = (bson::Uuid::from(saga), bson::Uuid::from(owner));
        let last = doc! { "$set": { "auth_user_id": owner, "stage": ENABLED } };
        self.rows.update_one(doc! { "_id": id }, last).upsert(true).await?;
        Ok(())
    }

    /// Whether the owner's links are disabled.
    pub async fn holds(&self, session: &mut ClientSession, owner: Uuid) -> Result<bool, Error> {
        Ok(self.rows.find_one(of_owner(owner)).session(session).await?.is_some())
    }

    /// The saga that has disabled the owner's links, if one has.
    pub async fn of(&self, owner: Uuid) -> Result<Option<Uuid>, Error> {
        let Some(row) = self.rows.find_one(of_owner(owner)).await? else { return Ok(None) };
        let id: bson::Uuid = bson::deserialize_from_bson(row.get("_id").cloned().unwrap_or_default())
            .map_err(|error| Error::Internal(error.into()))?;
        Ok(Some(id.into()))
    }
}

/// Sagas that have disabled the owner's links.
fn of_owner(owner: Uuid) -> Document {
    doc! { "auth_user_id": bson::Uuid::from(owner), "stage": DISABLED }
}
