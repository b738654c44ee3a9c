//! Customers, orders, and the saga that brings an order from placed to confirmed.
//!
//! Where to look: [`domain`] says what customers and orders are; [`app`] holds the use cases, one
//! transaction each; [`checkout`] the saga; [`store`] the queries, of which [`store::events`] is the
//! event store; [`seal`] what keeps personal data; [`events`] what comes from and goes to the broker;
//! [`http`] the routes; [`changes`] tells watchers.

pub mod app;
pub mod changes;
pub mod checkout;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod seal;
pub mod store;

pub use error::Error;

use anyhow::Context as _;
use app::Shop;
use chassis::{
    App, Context,
    messaging::{self, Broker, DeadLetters, Relay, ledger, operators, outbox},
};
use config::Config;
use sqlx::PgPool;
use std::sync::Arc;
use utoipa::OpenApi as _;

/// The service.
pub struct Orders;

impl chassis::Service for Orders {
    const NAME: &'static str = "orders";
    const BIND: &'static str = "127.0.0.1:3003";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(operators::Api::openapi())
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let pool = connect(&config, &context).await?;
        let broker = Broker::new(&config.amqp.url, Self::NAME);
        probe(&context, &broker);
        let engine = saga::Engine::new(pool.clone(), Self::NAME).with(checkout::Checkout(config.checkout))?;
        let changes = changes::Changes::default();
        let shop = Shop::new(pool.clone(), Arc::new(keyring(&config)?), engine.clone(), changes);
        let letters = spawn(&context, &broker, &pool, &shop, &engine);
        let verifier = context.verifier.clone();
        let router = http::routes(http::State { shop, verifier: verifier.clone(), shutdown: context.shutdown.clone() })
            .merge(saga::operators::routes(engine, verifier.clone()))
            .merge(operators::routes(verifier, letters));
        Ok(App { router, ..App::default() })
    }
}

async fn connect(config: &Config, context: &Context) -> anyhow::Result<PgPool> {
    let pool = chassis::postgres::open(&config.postgres, &sqlx::migrate!(), context).await?;
    saga::prepare(&pool).await.context("the sagas' tables could not be prepared")?;
    Ok(pool)
}

/// While the broker is away orders are taken and wait: its absence degrades and does not make unready.
fn probe(context: &Context, broker: &Broker) {
    let broker = broker.clone();
    context.health.register_optional("rabbitmq", move || {
        let broker = broker.clone();
        async move { broker.probe().await }
    });
}

fn keyring(config: &Config) -> anyhow::Result<seal::Keyring> {
    let keys = [Some(&config.customers.encryption_key), config.customers.previous_encryption_key.as_ref()];
    let bytes = keys.into_iter().flatten().map(config::wrapping_key_bytes).collect::<Option<Vec<_>>>();
    seal::Keyring::new(&bytes.context("customers.encryption_key is not of 32 bytes")?)
}

/// Starts the background tasks; gives the dead letters of each consumer.
fn spawn(context: &Context, broker: &Broker, pool: &PgPool, shop: &Shop, engine: &saga::Engine) -> [DeadLetters; 3] {
    let (ledger, end) = (ledger::postgres(pool.clone()), &context.shutdown);

    let relay = Relay::new(outbox::postgres::Store::new(pool.clone()), broker.publisher());
    let shutdown = end.clone();
    context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));

    let (messages, shutdown) = (pool.clone(), end.clone());
    context.spawn("inbox upkeep", move || messaging::postgres::upkeep(messages.clone(), shutdown.clone()));

    let (replies, shutdown) = (engine.consumer(broker, ledger.clone()), end.clone());
    context.spawn("saga replies", move || replies.clone().run(shutdown.clone()));

    let (sweeping, reached, shutdown) = (engine.clone(), broker.clone(), end.clone());
    context.spawn("saga sweep", move || sweeping.clone().sweep(reached.clone(), shutdown.clone()));

    let copies = events::copies::consumer(broker, pool.clone(), ledger.clone());
    let (past, queues, shutdown) = (pool.clone(), copies.clone(), end.clone());
    context.spawn("history of copies", move || {
        let (pool, consumer, shutdown) = (past.clone(), queues.clone(), shutdown.clone());
        async move {
            let reading = events::copies::catch_up(&consumer, &pool);
            shutdown.run_until_cancelled(reading).await.unwrap_or(Ok(()))
        }
    });
    let shutdown = end.clone();
    context.spawn("consumer orders.copies", move || copies.clone().run(shutdown.clone()));

    let commands = events::commands::consumer(broker, pool.clone(), shop.clone(), ledger.clone());
    let shutdown = end.clone();
    context.spawn("consumer orders.commands", move || commands.clone().run(shutdown.clone()));

    let (changes, versions, shutdown) = (shop.changes().clone(), pool.clone(), end.clone());
    context.spawn("changes", move || changes.clone().look(versions.clone(), shutdown.clone()));

    let (purging, shutdown) = (shop.clone(), end.clone());
    context.spawn("purge", move || purging.clone().keep_purging(shutdown.clone()));

    let subscriptions = [engine.subscription(), events::copies::subscription(), events::commands::subscription()];
    subscriptions.map(|subscription| DeadLetters::new(broker, &subscription, ledger.clone()))
}
