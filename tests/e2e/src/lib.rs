//! The end-to-end journeys: real programs on real engines, met where users meet them, at the gateway.
//!
//! - [`Platform`] is Vitrine for one test: a sandbox, and the programs in it.
//! - [`Client`] is somebody at an address, with a token or without; [`User`] has an account.
//! - [`Answer`] is what comes back: a status, headers, and JSON that may be GraphQL's or a problem.
//! - [`visitor`] holds the browsers that click links, and one that is none.
//! - [`operations`] reads from the programs themselves which operations there are.
//!
//! The stories are in `tests/it/`, a file per topic.

mod answer;
mod client;
pub mod operations;
mod platform;
mod shop;
mod sse;
mod user;
pub mod visitor;

pub use answer::Answer;
pub use client::Client;
pub use platform::Platform;
pub use shop::{Buyer, ORDER};
pub use sse::{Event, Events};
pub use user::User;
