//! Products, their stock, and reservations of it.
//!
//! Where to look: [`domain`] decides, on locked numbers, what may happen to stock; [`app`] holds the
//! use cases, one transaction each; [`store`] the queries; [`events`] what comes over the broker;
//! [`http`] the routes.
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

pub use error::Error;

use app::Inventory;
use chassis::{
    App, Context,
    messaging::{self, Broker, Consumer, DeadLetters, Handler, Relay, Subscription, ledger, operators, outbox},
};
use config::Config;
use events::{
    commands::{self, Commands},
    orders::{self, Orders},
};
use sqlx::PgPool;

/// Connections of background tasks: one for each message in hand, and some for the relay and the sweep.
const WORKERS: u32 = commands::PARTITIONS as u32 + orders::PARTITIONS as u32 + 4;

/// The service.
pub struct Service;

impl chassis::Service for Service {
    const NAME: &'static str = "inventory";
    const BIND: &'static str = "127.0.0.1:3004";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let (requests, workers) = connect(&config, &context).await?;
        let serving = Inventory::new(requests, config.reservations);
        let working = Inventory::new(workers.clone(), config.reservations);
        keep(&context, &working, &workers);
        let dead = exchange(&config, &context, &working, workers).await;
        let routes = http::routes(serving, context.verifier.clone());
        let operated = operators::routes(context.verifier.clone(), dead);
        Ok(App { router: routes.merge(operated), ..App::default() })
    }
}

/// Connects and migrates. Requests and background tasks have connections of their own, so that a
/// rush of orders does not keep anybody from looking at products.
async fn connect(config: &Config, context: &Context) -> anyhow::Result<(PgPool, PgPool)> {
    let requests = chassis::postgres::open(&config.postgres, &sqlx::migrate!(), context).await?;
    Ok((requests, chassis::postgres::pool(&config.postgres, WORKERS)?))
}

/// Starts what looks after the tables.
fn keep(context: &Context, inventory: &Inventory, pool: &PgPool) {
    let (purging, shutdown) = (inventory.clone(), context.shutdown.clone());
    context.spawn("purge", move || purging.clone().keep_purging(shutdown.clone()));
    let (pool, shutdown) = (pool.clone(), context.shutdown.clone());
    context.spawn("inbox upkeep", move || messaging::postgres::upkeep(pool.clone(), shutdown.clone()));
}

/// Starts what moves messages in and out. While the broker is away they wait and all else works, so
/// its absence degrades and does not make unready.
async fn exchange(config: &Config, context: &Context, inventory: &Inventory, pool: PgPool) -> Vec<DeadLetters> {
    let broker = Broker::new(&config.amqp.url, "inventory");
    let probed = broker.clone();
    context.health.register_optional("rabbitmq", move || {
        let broker = probed.clone();
        async move { broker.probe().await }
    });
    let relay = Relay::new(outbox::postgres::Store::new(pool.clone()), broker.publisher());
    let shutdown = context.shutdown.clone();
    context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));
    let (expiring, reached, shutdown) = (inventory.clone(), broker.clone(), context.shutdown.clone());
    context.spawn("reservations' expiry", move || expiring.clone().keep_expiring(reached.clone(), shutdown.clone()));
    let ledger = ledger::postgres(pool);
    vec![
        consume(context, &broker, &ledger, commands::subscription(), Commands::new(inventory.clone())).await,
        consume(context, &broker, &ledger, orders::subscription(), Orders::new(inventory.clone())).await,
    ]
}

async fn consume<H: Handler>(
    context: &Context,
    broker: &Broker,
    ledger: &ledger::Ledger,
    subscription: Subscription,
    handler: H,
) -> DeadLetters {
    let dead = DeadLetters::new(broker, &subscription, ledger.clone());
    let name = subscription.name().to_owned();
    let consumer = Consumer::new(broker, subscription, ledger.clone(), handler);
    // Before others can see that this unit is ready and begin to publish: what no queue takes yet is
    // sent again by its sender at best. Without the broker, requests are still to be answered.
    if let Err(error) = consumer.declare().await {
        let error = format!("{error:#}");
        tracing::warn!(consumer.name = name, error, "The queues of a consumer could not be declared yet.");
    }
    let shutdown = context.shutdown.clone();
    context.spawn("consumer", move || consumer.clone().run(shutdown.clone()));
    dead
}
