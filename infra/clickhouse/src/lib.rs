//! The ClickHouse engine as a library (`libchdb.so`), behind ClickHouse's HTTP interface.
//!
//! Two kinds of process run from the one binary:
//!
//! - the [`front`] answers HTTP, knows logins and grants, and starts an engine for each database that is asked for;
//! - an [`engine`] holds exactly one database, loads the library and runs statements on a few threads. It listens on a
//!   Unix socket that only the front reaches.
//!
//! A login cannot read a database that was not granted to it, because that database is not in the process that its
//! statements run in. [`statement`] tells apart what must be treated differently and refuses what would reach out of
//! the process; [`failure`] is the one place where error codes become HTTP statuses.

pub mod engine;
pub mod failure;
pub mod front;
pub mod request;
pub mod statement;
pub mod token;
