//! How far is read: the tables `ingestion` (until when clicks are certainly counted) and `histories` (which consumers
//! have read the log of events to its end).

use super::{Database, StoreError};
use chrono::{DateTime, Utc};
use clickhouse::Row;
use messaging::History;
use serde::{Deserialize, Serialize};

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

    pub async fn note_as_of(&self, as_of: DateTime<Utc>) -> Result<(), StoreError> {
        self.insert("ingestion", &[AsOfRow { as_of }]).await
    }
}

#[derive(Row, Serialize, Deserialize)]
struct Read {
    name: String,
}

impl History for Database {
    async fn is_read(&self, consumer: &str) -> anyhow::Result<bool> {
        let query = self.client.query("SELECT name FROM histories WHERE name = ? LIMIT 1").bind(consumer);
        Ok(!self.rows::<Read>("histories", query).await?.is_empty())
    }

    async fn note(&self, consumer: &str) -> anyhow::Result<()> {
        Ok(self.insert("histories", &[Read { name: consumer.to_owned() }]).await?)
    }
}
