//! The table `ingestion`: until when clicks are certainly counted.

use super::{Database, StoreError};
use chrono::{DateTime, Utc};
use clickhouse::Row;
use serde::Serialize;

#[derive(Row, Serialize)]
struct AsOfRow {
    #[serde(with = "clickhouse::serde::chrono::datetime64::millis")]
    as_of: DateTime<Utc>,
}

impl Database {
    /// Reads until when clicks are certainly counted: the Unix epoch when nobody has said.
    pub async fn as_of(&self) -> Result<DateTime<Utc>, StoreError> {
        let query = self.client.query_raw("SELECT toUnixTimestamp64Milli(max(as_of)) FROM ingestion");
        let found = self.rows::<i64>("as of", query).await?;
        Ok(found.first().and_then(|ms| DateTime::from_timestamp_millis(*ms)).unwrap_or_default())
    }

    /// Notes until when clicks are certainly counted.
    pub async fn note_as_of(&self, as_of: DateTime<Utc>) -> Result<(), StoreError> {
        self.insert("ingestion", &[AsOfRow { as_of }]).await
    }
}
