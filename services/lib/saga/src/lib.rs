//! Orchestrated sagas over the broker, for any service with a Postgres database.
//!
//! A saga is declared as a list of [`Step`]s, read from top to bottom ([`Definition`]). The [`Engine`]
//! stores where each saga stands and sends its next command in one transaction; replies, a sweep
//! for what did not come, and operators move it on.
//!
//! Where to look: [`machine`] holds the rules, without any I/O; [`step`] is what a declaration is
//! written in; [`engine`] carries transitions out; [`operators`] are the routes. The store's tables
//! and all guarantees stand in the README.

#![warn(missing_docs)]

mod app;
pub mod batch;
mod engine;
mod error;
mod flow;
pub mod machine;
pub mod metrics;
pub mod operators;
mod replies;
pub mod step;
mod store;
mod sweep;
mod transact;
mod transition;
mod transition_log;
mod unit;

pub use app::AppSagas;
pub use engine::{Begun, Cancel, Cancelled, Engine, Start};
pub use error::Error;
pub use machine::{Cause, Refusal};
pub use replies::Replies;
pub use step::{Batch, Definition, Local, Member, Step, Verdict};
pub use store::{Filter, Record, Waiting, prepare};
