#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod app;
mod db;
mod error;
mod idempotency;
mod outbox;
mod state;
mod transaction;
mod watch;

pub use app::AppMongo;
pub use db::{Db, probe};
pub use error::{code, failure, is_away};
pub use idempotency::IdempotencyKeys;
pub use outbox::Outbox;
pub use state::prepare;
pub use transaction::Transaction;
