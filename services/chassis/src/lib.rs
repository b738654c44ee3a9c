//! The plumbing that every service and the gateway stand on. It knows no noun of the domain.
//!
//! [`run`] starts a [`Service`]: configuration, telemetry, HTTP with its stack of layers, health,
//! background tasks, and a graceful end. [`jwt`] tells who calls, [`http`] reads requests and
//! answers problems, [`messaging`] moves events without losing or doubling any.

pub mod client;
pub mod config;
pub mod failpoint;
pub mod health;
pub mod http;
pub mod jwt;
mod linger;
pub mod messaging;
pub mod mongo;
pub mod page;
pub mod postgres;
mod run;
mod scope;
pub mod server;
pub mod tasks;
pub mod telemetry;
pub mod together;

pub use run::{App, Context, Service, metrics_route, run};
pub use scope::Scope;
