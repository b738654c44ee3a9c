//! The collection `visitor_salts`: one key per day, destroyed by a TTL index.

use crate::error::Error;
use chrono::{DateTime, Utc};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{self, Binary, doc};
use mongodb::{Collection, Database};
use serde::{Deserialize, Serialize};

/// The collection `visitor_salts`.
#[derive(Debug, Clone)]
pub struct Salts {
    rows: Collection<SaltRow>,
}

/// The salt of one day.
#[derive(Clone, Serialize, Deserialize)]
pub struct SaltRow {
    /// Days since the Unix epoch, UTC.
    #[serde(rename = "_id")]
    pub day: i64,
    /// 32 random bytes.
    pub salt: Binary,
    /// From when on the store destroys it.
    pub destroy_at: bson::DateTime,
}

impl SaltRow {
    pub fn new(day: i64, salt: [u8; 32], destroy_at: DateTime<Utc>) -> Self {
        let salt = Binary { subtype: BinarySubtype::Generic, bytes: salt.to_vec() };
        Self { day, salt, destroy_at: destroy_at.into() }
    }
}

impl std::fmt::Debug for SaltRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaltRow").field("day", &self.day).finish_non_exhaustive()
    }
}

impl Salts {
    pub(super) fn new(database: &Database) -> Self {
        Self { rows: database.collection("visitor_salts") }
    }

    /// Offers a salt for its day and tells the one that all instances use: the first offered.
    pub async fn agree(&self, offer: SaltRow) -> Result<SaltRow, Error> {
        let day = doc! { "_id": offer.day };
        if let Some(agreed) = self.rows.find_one(day.clone()).await? {
            return Ok(agreed);
        }
        match self.rows.insert_one(&offer).await {
            Ok(_) => Ok(offer),
            Err(error) if super::is_duplicate(&error) => {
                let agreed = self.rows.find_one(day).await?;
                agreed.ok_or_else(|| Error::Internal(anyhow::anyhow!("a salt came and went")))
            }
            Err(error) => Err(error.into()),
        }
    }
}
