//! The use cases: one per module, one transaction each, with the outbox in it.

mod bootstrap;
mod change_password;
mod delete_account;
mod log_in;
mod log_out;
mod me;
mod prove;
mod purge;
mod refresh;
mod register;
mod services;
mod sessions;

use crate::config;
use crate::hashing::Hasher;
use crate::keys::Keys;
use crate::limits::Limiter;
use chassis::config::Jwt;
pub use log_in::Credentials;
use postgres::Db;
pub use register::Registration;
use saga::Engine;
pub use services::Services;

/// Accounts and their sessions. Clones are the same.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    hasher: Hasher,
    keys: Keys,
    limiter: Limiter,
    tokens: config::Tokens,
    jwt: Jwt,
    sagas: Engine,
}

impl Accounts {
    /// Puts together what the use cases need.
    pub fn new(
        db: Db,
        hasher: Hasher,
        keys: Keys,
        limiter: Limiter,
        tokens: config::Tokens,
        jwt: Jwt,
        sagas: Engine,
    ) -> Self {
        Self { db, hasher, keys, limiter, tokens, jwt, sagas }
    }

    /// The keys that sign access tokens.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    pub fn hasher(&self) -> &Hasher {
        &self.hasher
    }
}
