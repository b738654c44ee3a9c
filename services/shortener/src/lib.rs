//! Links: made and changed by their owners, followed by visitors, every click written down.
//!
//! Where to look: [`domain`] says what a link is and which ones are acceptable; [`app`] holds the use cases, one
//! transaction each; [`store`] the queries. A redirect ([`http`]) goes through [`lookup`] (process → Redis → MongoDB),
//! [`visitor`] (who, without naming anybody) and [`spool`] (the click, on disk before the answer).
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

use app::{Catalogue, Counter};
use axum::Router;
use chassis::{App, Service};
use chrono::Utc;
use config::Config;
pub use error::Error;
use http::Redirects;
use lookup::Lookup;
use messaging::AppMessaging as _;
use mongo::AppMongo as _;
use spool::{Shipper, Spool};
use std::sync::Arc;
use store::{Store, migrations};
use visitor::{Countries, Keeper, Visitors};

pub struct Shortener;

impl Service for Shortener {
    const NAME: &'static str = "shortener";
    const BIND: &'static str = "127.0.0.1:3000";
    const LISTS: &'static [&'static str] = &["links.own_hosts"];
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(messaging::operators::openapi())
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let db = app.mongo(&config.mongo, migrations::run).await?;
        let broker = app.broker(&config.amqp);
        let store = Store::new(&db);
        let spool = Spool::open(&config.spool)?;
        let countries = Countries::open(config.geoip.file.as_deref())?;
        let lookup = Lookup::new(&config.cache, &config.redis, store.links.clone())?;
        // Redirects go on without MongoDB for codes that are in memory or in Redis, and owners are told to come again.
        app.uses("mongodb", &db, mongo::probe);
        app.uses("redis", &lookup, Lookup::probe);
        app.uses("spool", &spool, |spool| async move { spool.probe() });
        app.background("link changes", lookup.clone(), Lookup::follow);

        let (links, public_url) = (&config.links, config.links.public_url.as_str());
        let catalogue = Catalogue::new(store.clone(), lookup.clone(), links.policy(), public_url);
        app.consume(&broker, &db, accounts::consumer(catalogue.clone()));
        let shipper = Shipper::new(spool.clone(), broker.clone(), config.spool.sync_interval());
        app.task("click shipper", shipper, Shipper::run);
        app.background("click counter", Counter::new(store.clone(), broker), Counter::run);
        follow_visitors(app, store, lookup, spool, countries);
        Ok(http::routes(catalogue, app.verifier()))
    }
}

/// Adds redirects, and what keeps the keys of visitors' hashes.
fn follow_visitors(app: &mut App, store: Store, lookup: Lookup, spool: Spool, countries: Countries) {
    let visitors = Visitors::default();
    let keeper = Keeper::new(store.salts, visitors.clone());
    app.every("visitor salts", visitor::EVERY, keeper, |keeper| async move { keeper.renew(Utc::now()).await });
    let metrics = metrics::Redirects::new();
    let redirects = Arc::new(Redirects { lookup, links: store.links, visitors, countries, spool, metrics });
    app.bare(http::redirects(Arc::clone(&redirects)));
    app.fast_path(redirects);
}
