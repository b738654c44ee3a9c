//! Table `histories`: what was read from the log of events, to its end.

use messaging::History;
use postgres::Db;

#[derive(Clone)]
pub struct Histories(pub Db);

impl History for Histories {
    async fn is_read(&self, consumer: &str) -> anyhow::Result<bool> {
        let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM histories WHERE name = $1)");
        Ok(query.bind(consumer).fetch_one(self.0.pool()).await?)
    }

    async fn note(&self, consumer: &str) -> anyhow::Result<()> {
        let insert = sqlx::query("INSERT INTO histories (name) VALUES ($1) ON CONFLICT DO NOTHING");
        Ok(insert.bind(consumer).execute(self.0.pool()).await.map(drop)?)
    }
}
