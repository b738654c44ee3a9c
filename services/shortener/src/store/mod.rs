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
};
use mongodb::{
    Client, Database,
    bson::doc,
    error::{ErrorKind, TRANSIENT_TRANSACTION_ERROR},
    options::ClientOptions,
};
use secrecy::ExposeSecret;
use std::time::Duration;

/// How long the driver looks for a primary; beyond, an operation fails.
const SELECTION_LIMIT: Duration = Duration::from_secs(2);
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
        options.server_selection_timeout = Some(SELECTION_LIMIT);
        options.connect_timeout = Some(SELECTION_LIMIT);
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

/// Whether the database could not be reached (in time): another try may succeed.
#[must_use]
pub fn is_away(error: &mongodb::error::Error) -> bool {
    /// Codes of a server that is starting, stepping down, or shutting down, or was too slow.
    const AWAY: &[i32] = &[50, 89, 91, 189, 262, 9_001, 10_107, 11_600, 11_602, 13_435, 13_436];
    match &*error.kind {
        ErrorKind::Io(_)
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => true,
        _ => code(error).is_some_and(|code| AWAY.contains(&code)),
    }
}

/// Whether another try may succeed: the database was away, or others kept writing the same.
#[must_use]
pub fn is_passing(error: &mongodb::error::Error) -> bool {
    is_away(error) || error.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

fn code(error: &mongodb::error::Error) -> Option<i32> {
    use mongodb::error::WriteFailure;
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => many.write_errors.as_ref()?.first().map(|write| write.code),
        _ => None,
    }
}

/// The places, in an unordered insert of many, of those that a unique index knows already.
#[must_use]
pub fn duplicates(error: &mongodb::error::Error) -> Vec<usize> {
    let ErrorKind::InsertMany(many) = &*error.kind else { return Vec::new() };
    let writes = many.write_errors.iter().flatten();
    writes.filter(|write| write.code == DUPLICATE).map(|write| write.index).collect()
}
