//! Customers, orders, and the saga that brings an order from placed to confirmed.
//!
//! Where to look: [`domain`] says what customers and orders are; [`app`] holds the use cases, one
//! transaction each; [`app::checkout`] the saga; [`store`] the queries, of which [`store::events`] is the
//! event store; [`seal`] what keeps personal data; [`events`] what comes from and goes to the broker;
//! [`http`] the routes; [`changes`] tells watchers.

pub mod app;
pub mod changes;
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
use app::{Shop, checkout::Checkout};
use axum::Router;
use changes::Changes;
use chassis::{App, Service};
use config::Config;
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;
use saga::AppSagas as _;
use std::{sync::Arc, time::Duration};

/// The service.
pub struct Orders;

impl Service for Orders {
    const NAME: &'static str = "orders";
    const BIND: &'static str = "127.0.0.1:3003";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(messaging::operators::openapi())
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let db = app.postgres(&config.postgres, &sqlx::migrate!()).await?;
        let broker = app.broker(&config.amqp);
        let sagas = app.sagas(&db, &broker, |sagas| sagas.with(Checkout(config.checkout))).await?;
        let changes = Changes::default();
        let shop = Shop::new(db.clone(), Arc::new(keyring(&config)?), sagas, changes.clone());
        app.consume(&broker, &db, events::copies::consumer(db.clone()));
        app.consume(&broker, &db, events::commands::consumer(db.clone(), shop.clone()));
        app.background("changes", (changes, db), |(changes, db)| changes.look(db));
        app.every("purge", Duration::from_mins(10), shop.clone(), Shop::purge);
        Ok(http::routes(http::State { shop, verifier: app.verifier(), shutdown: app.shutdown() }))
    }
}

fn keyring(config: &Config) -> anyhow::Result<seal::Keyring> {
    let keys = [Some(&config.customers.encryption_key), config.customers.previous_encryption_key.as_ref()];
    let bytes = keys.into_iter().flatten().map(config::wrapping_key_bytes).collect::<Option<Vec<_>>>();
    seal::Keyring::new(&bytes.context("customers.encryption_key is not of 32 bytes")?)
}
