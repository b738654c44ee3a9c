//! A service's way to its Postgres database: connections, transactions, and the tables that messaging needs.
//!
//! A use case begins a [`Tx`], writes, marks what is to be published, and commits:
//!
//! ```
//! # use contracts::{envelope::Event, event::auth::UserDeleted};
//! # use postgres::Db;
//! async fn delete(db: &Db, user: uuid::Uuid, deleted: UserDeleted) -> sqlx::Result<()> {
//!     let mut tx = db.begin().await?;
//!     sqlx::query("DELETE FROM users WHERE id = $1").bind(user).execute(&mut *tx).await?;
//!     tx.enqueue(Event::new(user.to_string(), 1, deleted)).await?;
//!     tx.commit().await // wakes the relay, which publishes
//! }
//! ```
//!
//! [`AppPostgres::postgres`] opens the database of a unit, with its probe, relay and upkeep. [`Inbox`] drops repeated
//! messages; a [`Db`] remembers for consumers which messages wait.

#![warn(missing_docs)]

mod app;
mod db;
mod error;
mod inbox;
mod outbox;
mod pool;
mod schema;
mod state;
mod tx;

pub use app::AppPostgres;
pub use db::Db;
pub use error::{failure, is_away, is_violation_of};
pub use inbox::Inbox;
pub use outbox::Store;
pub use pool::pool;
pub use schema::prepare;
pub use tx::Tx;

/// One column of what is written in many rows, for `unnest`.
pub fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
