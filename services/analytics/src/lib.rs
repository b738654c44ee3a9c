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
use chassis::{
    App, Context, Service,
    messaging::{Broker, DeadLetters, ledger, operators},
};
use domain::agent::Agents;
use events::{accounts, links, live::Live};
use ingest::Ingester;
use std::{sync::Arc, time::Duration};
use store::Database;
use utoipa::OpenApi;

/// The service.
pub struct Analytics;

impl Service for Analytics {
    const NAME: &'static str = "analytics";
    const BIND: &'static str = "127.0.0.1:3001";
    type Config = config::Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::routes().into_openapi().merge_from(operators::Api::openapi())
    }

    async fn build(config: Self::Config, context: Context) -> anyhow::Result<App> {
        let database = Database::open(&config.clickhouse);
        let broker = Broker::new(&config.amqp.url, Self::NAME);
        probe(&context, &database, &broker);
        migrate(&database, &context).await?;
        let agents = Arc::new(Agents::default());

        let ingester = Ingester::new(database.clone(), broker.clone(), Arc::clone(&agents), config.ingest);
        let shutdown = context.shutdown.clone();
        context.spawn("ingester", move || ingester.clone().run(shutdown.clone()));

        let store = database.clone();
        let ledger = ledger::memory(move || {
            let store = store.clone();
            async move { store.probe().await }
        });
        let consumer = links::consumer(&broker, database.clone(), ledger.clone());
        // Before others can see that this unit is ready and begin to publish: what no queue takes yet
        // is only in the log. Without the broker, statistics are still to be answered.
        if let Err(error) = consumer.declare().await {
            tracing::warn!(error = format!("{error:#}"), "The queues of links could not be declared yet.");
        }
        let (store, queues) = (database.clone(), consumer.clone());
        let end = context.shutdown.clone();
        context.spawn("history of links", move || {
            let (database, consumer) = (store.clone(), queues.clone());
            let shutdown = end.clone();
            async move {
                let reading = links::catch_up(&consumer, &database);
                shutdown.run_until_cancelled(reading).await.unwrap_or(Ok(()))
            }
        });
        let shutdown = context.shutdown.clone();
        context.spawn("consumer analytics.links", move || consumer.clone().run(shutdown.clone()));
        let obeying = accounts::consumer(&broker, database.clone(), ledger.clone());
        let shutdown = context.shutdown.clone();
        context.spawn("consumer analytics.accounts", move || obeying.clone().run(shutdown.clone()));
        let dead = [links::subscription(), accounts::subscription()]
            .map(|subscription| DeadLetters::new(&broker, &subscription, ledger.clone()));

        let state = http::State {
            database,
            live: Live::new(broker, agents),
            verifier: context.verifier.clone(),
            shutdown: context.shutdown.clone(),
        };
        let router = axum::Router::from(http::routes().with_state(state));
        let operated = operators::routes(context.verifier.clone(), dead);
        Ok(App { router: router.merge(operated), ..App::default() })
    }
}

fn probe(context: &Context, database: &Database, broker: &Broker) {
    let database = database.clone();
    context.health.register("clickhouse", move || {
        let database = database.clone();
        async move { database.probe().await }
    });
    // Statistics are answered without the broker; only new clicks wait.
    let broker = broker.clone();
    context.health.register_optional("rabbitmq", move || {
        let broker = broker.clone();
        async move { broker.probe().await }
    });
}

/// Migrates, waiting for a database that starts at the same time as this process.
async fn migrate(database: &Database, context: &Context) -> anyhow::Result<()> {
    const TRIES: u32 = 30;
    for _ in 1..TRIES {
        match database.probe().await {
            Ok(()) => break,
            Err(error) => {
                tracing::warn!(error = format!("{error:#}"), "ClickHouse does not answer yet.");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = context.shutdown.cancelled() => anyhow::bail!("told to end while starting"),
        }
    }
    database.migrate().await.context("the database could not be migrated")
}
