//! The table `histories`: what was read from the log of events, to its end.

use super::Database;
use clickhouse::Row;
use messaging::History;
use serde::{Deserialize, Serialize};

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
