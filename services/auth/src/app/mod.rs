//! The use cases: one per module, one transaction each, with the outbox in it.

mod bootstrap;
mod change_password;
mod delete_account;
mod log_in;
mod log_out;
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
    pub(crate) db: Db,
    pub hasher: Hasher,
    /// The keys that sign access tokens.
    pub keys: Keys,
    pub(crate) limiter: Limiter,
    pub(crate) tokens: config::Tokens,
    pub(crate) jwt: Jwt,
    pub(crate) sagas: Engine,
}
