//! A service's way to its MongoDB database, and what a failure of it means.

use crate::{
    App, config,
    messaging::{self, AppMessaging as _, ledger::Ledger, outbox::mongo::Outbox},
};
use anyhow::Context as _;
use bson::doc;
use contracts::patience::CONNECTION;
use mongodb::{
    Client, Database,
    error::{Error, ErrorKind, RETRYABLE_WRITE_ERROR, TRANSIENT_TRANSACTION_ERROR, WriteFailure},
    options::ClientOptions,
};
use secrecy::ExposeSecret as _;
use std::future::Future;

/// The most connections; each costs the server a thread.
const MOST_CONNECTIONS: u32 = 32;

/// Codes of a server that another try may find otherwise.
const PASSING: &[i32] = &[
    // Not reached, or not in time.
    6, 7, 24, 50, 89, 202, 262, 9_001, 46_841,
    // No primary, or one that is starting, stepping down or shutting down.
    91, 133, 189, 10_058, 10_107, 11_600, 11_602, 13_435, 13_436, // A write concern that too few members meet.
    64, 75, 100,
    // No disk, no memory, writes blocked by an administrator, or a conflict with another's write.
    112, 146, 365, 371, 14_031,
];

/// A service's database. Clones share the client.
#[derive(Debug, Clone)]
pub struct Db {
    client: Client,
    database: Database,
    outbox: Outbox,
}

impl Db {
    /// Names the database; connections are opened when needed, and show the unit's name.
    ///
    /// # Errors
    /// Fails when the URL is not valid.
    pub async fn open(settings: &config::Mongo, unit: &str) -> anyhow::Result<Self> {
        let parsed = ClientOptions::parse(settings.url.expose_secret()).await;
        let mut options = parsed.map_err(|_| anyhow::anyhow!("mongo.url is not a valid MongoDB URL"))?;
        options.app_name = Some(unit.to_owned());
        options.server_selection_timeout = Some(CONNECTION);
        options.connect_timeout = Some(CONNECTION);
        options.max_pool_size.get_or_insert(MOST_CONNECTIONS);
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

/// Consumers remember in the database.
impl From<&Db> for Ledger {
    fn from(db: &Db) -> Self {
        messaging::ledger::mongo(&db.database)
    }
}

/// Adds a MongoDB database to an [`App`].
pub trait AppMongo {
    /// Connects to the unit's database, waiting for it for 30 s, makes the collections of messaging, and migrates with
    /// `migrate`, which may run again. With it comes the relay of its outbox. Whether the unit can do without it is for
    /// the unit to say: see [`probe`].
    ///
    /// # Errors
    /// Fails when the URL is not valid, the database stays away or the login may not make collections.
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
            messaging::mongo::prepare(&db.database).await?;
            migrate(db.database.clone()).await
        };
        let context = self.context().clone();
        context.wait_for("mongodb", prepare).await.context("MongoDB cannot be prepared")?;
        self.relay(db.outbox.clone());
        Ok(db)
    }
}

/// Succeeds when the database answers, for readiness.
///
/// # Errors
/// Fails when it does not.
pub async fn probe(db: Db) -> anyhow::Result<()> {
    db.database.run_command(doc! { "ping": 1 }).await?;
    Ok(())
}

/// Whether the database is away or cannot do its work for the moment, rather than asked something wrong: another try may
/// succeed. [`Failure::internal`](crate::http::Failure::internal) asks this, so that handlers need not.
#[must_use]
pub fn is_away(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Io(_)
        // A password that is being changed.
        | ErrorKind::Authentication { .. }
        | ErrorKind::ServerSelection { .. }
        | ErrorKind::ConnectionPoolCleared { .. }
        | ErrorKind::DnsResolve { .. } => true,
        _ => {
            let labels = [TRANSIENT_TRANSACTION_ERROR, RETRYABLE_WRITE_ERROR];
            labels.iter().any(|label| error.contains_label(label))
                || code(error).is_some_and(|code| PASSING.contains(&code))
        }
    }
}

/// The code of the server's complaint, if it is one.
#[must_use]
pub fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        ErrorKind::Command(command) => Some(command.code),
        ErrorKind::Write(WriteFailure::WriteError(write)) => Some(write.code),
        ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        ErrorKind::InsertMany(many) => {
            let write = many.write_errors.iter().flatten().next().map(|write| write.code);
            write.or(many.write_concern_error.as_ref().map(|concern| concern.code))
        }
        _ => None,
    }
}
