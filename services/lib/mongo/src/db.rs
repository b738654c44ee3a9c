//! A service's database.

use crate::Outbox;
use crate::watch::{Commands, Connections};
use anyhow::Context as _;
use bson::doc;
use chassis::config;
use contracts::patience::CONNECTION;
use mongodb::event::EventHandler;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use secrecy::ExposeSecret as _;

/// The most connections; each costs the server a thread.
const MOST_CONNECTIONS: u32 = 32;

/// A service's database. Clones share the client.
#[derive(Debug, Clone)]
pub struct Db {
    client: Client,
    database: Database,
    outbox: Outbox,
}

impl Db {
    /// Names the database; connections are opened when needed, and show the unit's name.
    pub async fn open(settings: &config::Mongo, unit: &str) -> anyhow::Result<Self> {
        let parsed = ClientOptions::parse(settings.url.expose_secret()).await;
        let mut options = parsed.map_err(|_| anyhow::anyhow!("mongo.url is not a valid MongoDB URL"))?;
        options.app_name = Some(unit.to_owned());
        options.server_selection_timeout = Some(CONNECTION);
        options.connect_timeout = Some(CONNECTION);
        options.max_pool_size.get_or_insert(MOST_CONNECTIONS);
        let (commands, connections) = (Commands::default(), Connections::default());
        options.command_event_handler = Some(EventHandler::callback(move |event| commands.hear(event)));
        options.cmap_event_handler = Some(EventHandler::callback(move |event| connections.hear(event)));
        let client = Client::with_options(options).context("mongo.url is not usable")?;
        let database = client.database(&settings.database);
        Ok(Self { outbox: Outbox::new(&database), client, database })
    }

    /// Begins sessions.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Holds the collections.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What is to be published: the collection `outbox`.
    #[must_use]
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

/// Succeeds when the database answers, for readiness.
pub async fn probe(db: Db) -> anyhow::Result<()> {
    db.database.run_command(doc! { "ping": 1 }).await?;
    Ok(())
}
