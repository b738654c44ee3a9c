//! What a MongoDB database adds to an [`App`].

use crate::{Db, state};
use anyhow::Context as _;
use chassis::{App, config};
use messaging::AppMessaging as _;
use mongodb::Database;
use std::future::Future;

/// Adds a MongoDB database to an [`App`].
pub trait AppMongo {
    /// Connects to the unit's database, waiting for it for 30 s, makes the collections of messaging, and migrates with
    /// `migrate`, which may run again. With it comes the relay of its outbox. Whether the unit can do without it is for
    /// the unit to say: see [`probe`](crate::probe).
    fn mongo<F, Fut>(
        &mut self,
        settings: &config::Mongo,
        migrate: F,
    ) -> impl Future<Output = anyhow::Result<Db>> + Send
    where
        F: Fn(Database) -> Fut + Send + Sync,
        Fut: Future<Output = anyhow::Result<()>> + Send;
}

impl AppMongo for App {
    async fn mongo<F, Fut>(&mut self, settings: &config::Mongo, migrate: F) -> anyhow::Result<Db>
    where
        F: Fn(Database) -> Fut + Send + Sync,
        Fut: Future<Output = anyhow::Result<()>> + Send,
    {
        let db = Db::open(settings, self.name()).await?;
        let prepare = || async {
            state::prepare(db.database()).await?;
            migrate(db.database().clone()).await
        };
        let context = self.context().clone();
        context.wait_for("mongodb", prepare).await.context("MongoDB cannot be prepared")?;
        self.relay(db.outbox().clone());
        Ok(db)
    }
}
