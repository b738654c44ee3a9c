//! Links: made and changed by their owners, followed by visitors, every click written down.
//!
//! Where to look: [`domain`] says what a link is and which ones are acceptable; [`app`] holds the
//! use cases, one transaction each; [`store`] the queries. A redirect ([`http`]) goes through
//! [`lookup`] (process → Redis → MongoDB), [`visitor`] (who, without naming anybody) and [`spool`]
//! (the click, on disk before the answer).
//!
//! Invariants: clicks counted = redirects answered; a code is given out once, for ever; no address
//! of a visitor leaves the process; every query of an owner's names the owner.

pub mod accounts;
pub mod app;
pub mod config;
pub mod domain;
mod error;
pub mod http;
pub mod lookup;
pub mod metrics;
pub mod spool;
pub mod store;
pub mod visitor;

pub use error::Error;

use anyhow::Context as _;
use app::{Catalogue, Counter};
use backon::{ExponentialBuilder, Retryable};
use chassis::{
    App, Context,
    messaging::{Broker, DeadLetters, Relay, operators},
};
use config::Config;
use http::Redirects;
use lookup::Lookup;
use spool::{Shipper, Spool};
use std::{sync::Arc, time::Duration};
use store::Store;
use utoipa::OpenApi as _;
use visitor::{Countries, Keeper, Visitors};

/// For how long MongoDB is waited for at start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The service.
pub struct Shortener;

impl chassis::Service for Shortener {
    const NAME: &'static str = "shortener";
    const BIND: &'static str = "127.0.0.1:3000";
    const LISTS: &'static [&'static str] = &["links.own_hosts"];
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(operators::Api::openapi())
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let store = Store::new(&config.mongo).await?;
        let spool = Spool::open(&config.spool)?;
        let countries = Countries::open(config.geoip.file.as_deref())?;
        let lookup = Lookup::new(&config.cache, &config.redis, store.links.clone())?;
        prepare(&store).await?;
        let visitors = Visitors::default();
        let broker = Broker::new(&config.amqp.url, "shortener");
        probe(&context, &store, &lookup, &broker, &spool);
        keep_salts(&context, &store, &visitors);
        move_events(&context, &config, &store, &lookup, &broker, &spool);

        let (links, public_url) = (&config.links, config.links.public_url.as_str());
        let catalogue = Catalogue::new(store.clone(), lookup.clone(), links.policy(), public_url);
        let dead = obey(&context, &store, &catalogue, &broker);
        let redirects =
            Redirects { lookup, links: store.links, visitors, countries, spool, metrics: metrics::Redirects::new() };
        let redirects = Arc::new(redirects);
        Ok(App {
            router: http::routes(catalogue, context.verifier.clone())
                .merge(operators::routes(context.verifier.clone(), [dead])),
            bare: http::redirects(Arc::clone(&redirects)),
            express: Some(redirects),
            ..App::default()
        })
    }
}

/// Makes collections and indexes, waiting for a database that starts beside us.
async fn prepare(store: &Store) -> anyhow::Result<()> {
    (|| store.migrate())
        .retry(ExponentialBuilder::default().with_jitter().with_total_delay(Some(PATIENCE)).without_max_times())
        .notify(|error, _| tracing::warn!(error = format!("{error:#}"), "MongoDB is not ready yet."))
        .await
        .context("MongoDB cannot be prepared")
}

/// Says what readiness means. Redirects go on without MongoDB for codes that are in memory or in
/// Redis, and owners are told to come again: without it the unit is degraded, not unavailable.
fn probe(context: &Context, store: &Store, lookup: &Lookup, broker: &Broker, spool: &Spool) {
    let health = &context.health;
    let probed = store.clone();
    health.register_optional("mongodb", move || {
        let probed = probed.clone();
        async move { probed.probe().await }
    });
    let probed = lookup.clone();
    health.register_optional("redis", move || {
        let probed = probed.clone();
        async move { probed.probe().await }
    });
    let probed = broker.clone();
    health.register_optional("rabbitmq", move || {
        let probed = probed.clone();
        async move { probed.probe().await }
    });
    let probed = spool.clone();
    health.register_optional("spool", move || std::future::ready(probed.probe()));
}

fn keep_salts(context: &Context, store: &Store, visitors: &Visitors) {
    let keeper = Keeper::new(store.salts.clone(), visitors.clone());
    let shutdown = context.shutdown.clone();
    context.spawn("visitor salts", move || keeper.clone().run(shutdown.clone()));
}

/// Starts what hears the commands of sagas.
fn obey(context: &Context, store: &Store, catalogue: &Catalogue, broker: &Broker) -> DeadLetters {
    let consumer = accounts::consumer(broker, catalogue.clone(), store.ledger());
    let shutdown = context.shutdown.clone();
    context.spawn("consumer shortener.accounts", move || consumer.clone().run(shutdown.clone()));
    DeadLetters::new(broker, &accounts::subscription(), store.ledger())
}

/// Starts what moves events in and out.
fn move_events(context: &Context, config: &Config, store: &Store, lookup: &Lookup, broker: &Broker, spool: &Spool) {
    let (relay, shutdown) = (Relay::new(store.outbox.clone(), broker.publisher()), context.shutdown.clone());
    context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));
    let shipper = Shipper::new(spool.clone(), broker.clone(), config.spool.sync_interval());
    let shutdown = context.shutdown.clone();
    context.spawn("click shipper", move || shipper.clone().run(shutdown.clone()));
    let (counter, shutdown) = (Counter::new(store.clone(), broker.clone()), context.shutdown.clone());
    context.spawn("click counter", move || counter.clone().run(shutdown.clone()));
    let (lookup, shutdown) = (lookup.clone(), context.shutdown.clone());
    context.spawn("link changes", move || lookup.clone().follow(shutdown.clone()));
}
