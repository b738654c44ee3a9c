//! MongoDB: queries only. Every query of an owner's names the owner.

mod counts;
mod disablings;
mod links;
pub mod migrations;
mod row;
mod salts;

pub use counts::{Counts, Progress};
pub use disablings::Disablings;
pub use links::{Filter, Links};
use mongo::{Db, IdempotencyKeys, Outbox, Transaction, code};
use mongodb::error::ErrorKind;
pub use salts::{SaltRow, Salts};

#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
    /// Links: the collection `urls`.
    pub links: Links,
    /// Answers to repeated requests: the collection `idempotency_keys`.
    pub idempotency: IdempotencyKeys,
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
    /// Prepares a transaction.
    pub async fn transaction(&self) -> mongodb::error::Result<Transaction> {
        self.db.transaction().await
    }

    pub fn new(db: &Db) -> Self {
        let database = db.database();
        Self {
            db: db.clone(),
            links: Links::new(database),
            idempotency: IdempotencyKeys::new(database),
            counts: Counts::new(database),
            disablings: Disablings::new(database),
            salts: Salts::new(database),
            outbox: db.outbox().clone(),
        }
    }
}

/// The code of MongoDB's complaint about a value that a unique index knows already.
const DUPLICATE: i32 = 11_000;

/// Whether a write was refused because of a unique index.
pub fn is_duplicate(error: &mongodb::error::Error) -> bool {
    code(error) == Some(DUPLICATE)
}

/// The places, in an unordered insert of many, of those that a unique index knows already.
pub fn duplicates(error: &mongodb::error::Error) -> Vec<usize> {
    let ErrorKind::InsertMany(many) = &*error.kind else { return Vec::new() };
    let writes = many.write_errors.iter().flatten();
    writes.filter(|write| write.code == DUPLICATE).map(|write| write.index).collect()
}
