//! The table `histories`: what was read from the log of events, to its end.

use super::{Database, StoreError};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

#[derive(Row, Serialize, Deserialize)]
struct History {
    name: String,
}

impl Database {
    /// Whether the history of this name was read to its end.
    ///
    /// # Errors
    /// Fails when ClickHouse is away.
    pub async fn has_read(&self, name: &str) -> Result<bool, StoreError> {
        let query = self.client.query("SELECT name FROM histories WHERE name = ? LIMIT 1").bind(name);
        Ok(!self.rows::<History>("histories", query).await?.is_empty())
    }

    /// Notes that the history of this name was read to its end.
    ///
    /// # Errors
    /// Fails when ClickHouse did not confirm.
    pub async fn note_read(&self, name: &str) -> Result<(), StoreError> {
        self.insert("histories", &[History { name: name.to_owned() }]).await
    }
}
