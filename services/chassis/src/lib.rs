//! The plumbing that every service and the gateway stand on. It knows no noun of the domain.
//!
//! [`run`] starts a [`Service`]: configuration, telemetry, HTTP with its stack of layers, health,
//! background tasks, and a graceful end. The service says what it has to an [`App`]. [`jwt`] tells who calls, [`http`] reads requests and
//! answers problems, [`messaging`] moves events without losing or doubling any.

pub mod app;
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

pub use app::{App, Context, Service};
pub use run::{metrics_route, run};
pub use scope::Scope;
