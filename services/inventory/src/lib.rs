//! Products, their stock, and reservations of it.
//!
//! Where to look: [`domain`] decides, on locked numbers, what may happen to stock; [`app`] holds the use cases, one
//! transaction each; [`store`] the queries; [`events`] what comes over the broker; [`http`] the routes.
//!
//! Invariants: stock never goes below zero; a product's stock is the sum of its operations, which
//! are only added; what is reserved is what open reservations hold; a command takes effect once,
//! however often and in whatever order it and its undoing come.

pub mod app;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod store;

use app::Inventory;
use axum::Router;
use chassis::App;
use config::Config;
pub use error::Error;
use events::{commands, orders};
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;
use std::time::Duration;

/// Connections of background tasks: one for each message in hand, and some for the relay and the sweep.
const WORKERS: u32 = commands::PARTITIONS as u32 + orders::PARTITIONS as u32 + 4;

pub struct Service;

impl chassis::Service for Service {
    const NAME: &'static str = "inventory";
    const BIND: &'static str = "127.0.0.1:3004";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let (db, workers) = app.postgres_with_workers(&config.postgres, &sqlx::migrate!(), WORKERS).await?;
        let broker = app.broker(&config.amqp);
        let serving = Inventory::new(db, config.reservations);
        let working = Inventory::new(workers.clone(), config.reservations);
        app.consume(&broker, &workers, commands::consumer(working.clone()));
        app.consume(&broker, &workers, orders::consumer(working.clone()));
        app.every("purge", Duration::from_hours(1), working.clone(), Inventory::purge);
        app.task("reservations' expiry", (working, broker), |(working, broker), end| {
            working.keep_expiring(broker, end)
        });
        Ok(http::routes(serving, app.verifier()))
    }
}
