//! Analytics: exact, private statistics of clicks, on ClickHouse.
//!
//! * [`ingest`]: clicks from the stream `events.clicks` into the table `clicks`, each exactly once.
//! * [`events`]: the copy of the links (`url_creations`) by their owner's events; live clicks.
//! * [`statistics`] answers facets; [`domain`] knows windows, series, agents and repeats, without I/O.
//! * [`store`]: the queries and the migrations.
//! * [`http`]: the routes; what a caller sees is looked up by owner, always.

pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod ingest;
pub mod metrics;
pub mod statistics;
pub mod store;

use anyhow::Context as _;
use axum::Router;
use chassis::{App, Service};
use domain::agent::Agents;
use events::live::Live;
use events::{accounts, links};
use ingest::Ingester;
use messaging::{AppMessaging as _, MemoryState};
use std::sync::Arc;
use store::Database;

pub struct Analytics;

impl Service for Analytics {
    const NAME: &'static str = "analytics";
    const BIND: &'static str = "127.0.0.1:3001";
    type Config = config::Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::routes().into_openapi().merge_from(messaging::operators::openapi())
    }

    async fn build(config: Self::Config, app: &mut App) -> anyhow::Result<Router> {
        let database = Database::open(&config.clickhouse);
        app.needs("clickhouse", &database, Database::probe);
        app.context().wait_for("clickhouse", || database.clone().probe()).await?;
        database.migrate().await.context("the database could not be migrated")?;
        // Statistics are answered without the broker; only new clicks wait.
        let broker = app.broker(&config.amqp);
        let agents = Arc::new(Agents::default());
        let ingester = Ingester::new(database.clone(), broker.clone(), Arc::clone(&agents), config.ingest);
        app.background("ingester", ingester, Ingester::run);
        // Lines are kept in memory: ClickHouse has no transactions, and order matters to neither consumer.
        let probed = database.clone();
        let state = MemoryState::beside(move || probed.clone().probe());
        app.consume(&broker, &state, links::consumer(database.clone()));
        app.consume(&broker, &state, accounts::consumer(&broker, database.clone()));
        let (live, verifier, shutdown) = (Live::new(broker, agents), app.verifier(), app.shutdown());
        Ok(http::routes().with_state(http::State { database, live, verifier, shutdown }).into())
    }
}
