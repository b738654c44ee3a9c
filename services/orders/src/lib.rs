//! Customers, orders, and the saga that brings an order from placed to confirmed.
//!
//! Where to look: [`domain`] says what customers and orders are; [`app`] holds the use cases, one
//! transaction each; [`app::checkout`] the saga; [`store`] the queries, of which [`store::events`] is the
//! event store; [`events`] what comes from and goes to the broker;
//! [`http`] the routes; [`changes`] tells watchers.

pub mod app;
pub mod changes;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod store;

pub use error::Error;

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
        let customers = &config.customers;
        let keyring = sealing::config::keyring(&customers.encryption_key, customers.previous_encryption_key.as_ref())?;
        let changes = Changes::default();
        let shop = Shop::new(db.clone(), Arc::new(keyring), sagas, changes.clone());
        app.consume(&broker, &db, events::copies::consumer(db.clone()));
        app.consume(&broker, &db, events::commands::consumer(db.clone(), shop.clone()));
        app.background("changes", (changes, db), |(changes, db)| changes.look(db));
        app.every("purge", Duration::from_mins(10), shop.clone(), Shop::purge);
        if customers.previous_encryption_key.is_some() {
            app.every("data keys", Duration::from_hours(24), shop.clone(), Shop::rewrap);
        }
        Ok(http::routes(http::State { shop, verifier: app.verifier(), shutdown: app.shutdown() }))
    }
}
