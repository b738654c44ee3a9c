#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod app;
mod db;
mod error;
pub mod idempotency;
mod inbox;
mod outbox;
mod pool;
mod schema;
mod state;
mod store;
mod tx;

pub use app::AppPostgres;
pub use db::Db;
pub use error::{failure, is_away, is_violation_of};
pub use inbox::Inbox;
pub use pool::pool;
pub use schema::prepare;
pub use store::Store;
pub use tx::Tx;

/// One column of what is written in many rows, for `unnest`.
pub fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
