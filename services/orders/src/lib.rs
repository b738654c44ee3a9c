//! Customers, orders, and the saga that brings an order from placed to confirmed.
//!
//! Where to look: [`domain`] says what customers and orders are; [`app`] holds the use cases, one transaction each;
//! [`app::checkout`] the saga; [`store`] the queries, of which [`store::events`] is the event store; [`events`] what
//! comes from and goes to the broker; [`http`] the routes; [`changes`] tells watchers.

pub mod app;
pub mod changes;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod store;

use app::checkout::Checkout;
use app::{Customers, Orders, PlaceOrders};
use axum::Router;
use changes::Changes;
use chassis::App;
use config::Config;
pub use error::Error;
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;
use saga::AppSagas as _;
use std::sync::Arc;
use std::time::Duration;

pub struct Service;

impl chassis::Service for Service {
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
        let keys = &config.customers;
        let keyring = sealing::config::keyring(&keys.encryption_key, keys.previous_encryption_key.as_ref())?;
        let (keyring, changes) = (Arc::new(keyring), Changes::default());
        let customers = Customers::new(db.clone(), Arc::clone(&keyring));
        let places = PlaceOrders::new(db.clone(), keyring, sagas.clone());
        let orders = Orders::new(db.clone(), customers.clone(), sagas, changes.clone());
        app.consume(&broker, &db, events::copies::consumer(db.clone()));
        app.consume(&broker, &db, events::commands::consumer(db.clone(), customers.clone()));
        app.background("changes", (changes, db), |(changes, db)| changes.look(db));
        app.every("purge", Duration::from_mins(10), places.clone(), PlaceOrders::purge);
        if keys.previous_encryption_key.is_some() {
            app.every("data keys", Duration::from_hours(24), customers.clone(), Customers::rewrap);
        }
        let (verifier, shutdown) = (app.verifier(), app.shutdown());
        Ok(http::routes(http::State { orders, places, customers, verifier, shutdown }))
    }
}
