//! The use cases: one per module, one transaction each, with the outbox in it.

mod cancel;
pub mod checkout;
mod customers;
mod erase;
mod place;
mod purge;
mod read;
mod reasons;
mod record;
mod rewrap;
mod sales;
mod save_customer;
mod ship;

pub(crate) use erase::Erased;

use crate::{changes::Changes, error::Error};
use chassis::jwt::Caller;
use postgres::Db;
use sealing::Keyring;
use std::sync::Arc;
use uuid::Uuid;

/// Customers and their orders. Clones are the same.
#[derive(Clone)]
pub struct Shop {
    db: Db,
    keyring: Arc<Keyring>,
    engine: saga::Engine,
    changes: Changes,
    counter: place::Counter,
}

impl Shop {
    /// Puts together what the use cases need.
    #[must_use]
    pub fn new(db: Db, keyring: Arc<Keyring>, engine: saga::Engine, changes: Changes) -> Self {
        Self { db, keyring, engine, changes, counter: place::Counter::at_most(place::TOGETHER) }
    }

    /// Tells of changes to orders.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }
}

/// Whose things a caller may see: everybody's for an operator, else the caller's own.
fn sees(caller: &Caller) -> Option<Uuid> {
    (!caller.is_operator()).then_some(caller.user_id)
}

/// What the engine refuses, in our words; what it may not be asked is our mistake.
fn of_engine(error: saga::Error) -> Error {
    match error {
        saga::Error::Store(error) => Error::Store(error),
        saga::Error::Refused(_) => Error::Conflict,
        error => Error::Internal(error.into()),
    }
}
