#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod app;
mod db;
mod error;
mod outbox;
mod state;
mod transaction;
mod watch;

pub use app::AppMongo;
pub use db::{Db, probe};
pub use error::{code, failure, is_away};
pub use outbox::Outbox;
pub use state::prepare;
pub use transaction::Transaction;
