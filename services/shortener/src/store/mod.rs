//! MongoDB: queries only. Every query of an owner's names the owner.

mod counts;
mod disablings;
mod links;
mod migrations;
mod replays;
mod row;
mod salts;
mod transaction;

pub use counts::{Counts, Progress};
pub use disablings::Disablings;
pub use links::{Filter, Links};
pub use replays::{Replay, Replays};
pub use salts::{SaltRow, Salts};
pub use transaction::Transaction;

use anyhow::Context as _;
use chassis::{
    config,
    messaging::{
        ledger::{self, Ledger},
        outbox::mongo::Outbox,
    },
    mongo::code,
};
use contracts::patience::CONNECTION;
use mongodb::{Client, Database, bson::doc, error::ErrorKind, options::ClientOptions};
use secrecy::ExposeSecret;

/// The most connections; each costs the server a thread.
const MOST_CONNECTIONS: u32 = 32;

/// The service's database.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    database: Database,
    /// Links: the collection `urls`.
    pub links: Links,
    /// Answers to repeated requests: the collection `idempotency_keys`.
    pub replays: Replays,
    /// How far clicks were counted: the collection `click_progress`.
    pub counts: Counts,
    /// Owners whose links lead nowhere: the collection `disablings`.
    pub disablings: Disablings,
    /// The keys of visitors' hashes: the collection `visitor_salts`.
    pub salts: Salts,
    /// What is to be published: the collection `outbox`.
    pub outbox: Outbox,
}

impl Store {
    /// Names the database; connections are opened when needed.
    ///
    /// # Errors
    /// Fails when the URL is not valid.
    pub async fn new(config: &config::Mongo) -> anyhow::Result<Self> {
        let mut options = ClientOptions::parse(config.url.expose_secret())
            .await
            .map_err(|_| anyhow::anyhow!("mongo.url is not a valid MongoDB URL"))?;
        options.app_name = Some("shortener".to_owned());
        options.server_selection_timeout = Some(CONNECTION);
        options.connect_timeout = Some(CONNECTION);
        options.max_pool_size.get_or_insert(MOST_CONNECTIONS);
        let client = Client::with_options(options).context("mongo.url is not usable")?;
        let database = client.database(&config.database);
        Ok(Self {
            links: Links::new(&database),
            replays: Replays::new(&database),
            counts: Counts::new(&database),
            disablings: Disablings::new(&database),
            salts: Salts::new(&database),
            outbox: Outbox::new(&database),
            client,
            database,
        })
    }

    /// Makes collections and indexes that are missing.
    ///
    /// # Errors
    /// Fails when the database is away or the login may not make them.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        chassis::messaging::mongo::prepare(&self.database).await?;
        migrations::run(&self.database).await
    }

    /// What consumers remember, in this database.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        ledger::mongo(&self.database)
    }

    /// Succeeds when the database answers, for readiness.
    ///
    /// # Errors
    /// Fails when it does not.
    pub async fn probe(&self) -> anyhow::Result<()> {
        self.database.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }
}

/// The code of MongoDB's complaint about a value that a unique index knows already.
const DUPLICATE: i32 = 11_000;
/// The code of its complaint about another transaction that writes the same document.
const WRITE_CONFLICT: i32 = 112;

/// Whether a write was refused because of a unique index.
#[must_use]
pub fn is_duplicate(error: &mongodb::error::Error) -> bool {
    code(error) == Some(DUPLICATE)
}

/// The places, in an unordered insert of many, of those that a unique index knows already.
#[must_use]
pub fn duplicates(error: &mongodb::error::Error) -> Vec<usize> {
    let ErrorKind::InsertMany(many) = &*error.kind else { return Vec::new() };
    let writes = many.write_errors.iter().flatten();
    writes.filter(|write| write.code == DUPLICATE).map(|write| write.index).collect()
}
