//! The plumbing that every service and the gateway stand on. It knows no noun of the domain.
//!
//! [`run`] starts a [`Service`]: configuration, telemetry, HTTP with its stack of layers, health,
//! background tasks, and a graceful end. The service says what it has to an [`App`]:
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use chassis::{App, Service, config};
//! # use messaging::AppMessaging as _;
//! # use postgres::{AppPostgres as _, Db};
//! # use std::time::Duration;
//! #[derive(serde::Deserialize, garde::Validate)]
//! #[garde(allow_unvalidated)]
//! struct Config {
//!     postgres: config::Postgres,
//!     amqp: config::Amqp,
//! }
//!
//! struct Notes;
//!
//! impl Service for Notes {
//!     const NAME: &'static str = "notes";
//!     const BIND: &'static str = "127.0.0.1:3010";
//!     type Config = Config;
//!
//!     fn openapi() -> utoipa::openapi::OpenApi {
//!         messaging::operators::openapi()
//!     }
//!
//!     async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
//! #       let migrations = sqlx::migrate::Migrator::DEFAULT;
//!         let db = app.postgres(&config.postgres, &migrations).await?; // pool, probe, relay, upkeep
//!         let _broker = app.broker(&config.amqp); // probe, operators' routes for dead letters
//!         app.every("purge", Duration::from_hours(1), db, purge);
//!         Ok(Router::new().route("/v1/notes", get(|| async { "none yet" })))
//!     }
//! }
//!
//! async fn purge(db: Db) -> sqlx::Result<()> {
//!     sqlx::query("DELETE FROM notes WHERE forgotten").execute(db.pool()).await.map(drop)
//! }
//! # let _main = chassis::run::<Notes>;
//! ```
//!
//! [`jwt`] tells who calls, [`http`] reads requests and
//! answers problems, [`messaging`] moves events without losing or doubling any.

#![warn(missing_docs)]

pub mod app;
pub mod batch_delay;
pub mod batcher;
pub mod client;
pub mod config;
pub mod crypto;
pub mod failpoint;
pub mod health;
pub mod http;
pub mod jwt;
mod openapi;
pub mod page;
mod run;
mod scope;
pub mod server;
mod sources;
pub mod store_metrics;
pub mod tasks;
pub mod telemetry;

pub use app::{App, Context, Service};
pub use run::{metrics_route, run};
pub use scope::{Scope, cause};
