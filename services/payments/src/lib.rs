//! Charges and refunds at the payment provider, each once, whatever fails in between.
//!
//! A command records an intent and returns; a worker calls the provider; outcome, event and reply commit together.
//! An outcome that is not known is asked for before anything is called again.
//!
//! Where to look: [`domain`] says what payments are; [`app`] holds the use cases, and the workers that call the provider;
//! [`provider`] is its API behind a breaker; [`events`] what is consumed; [`store`] the queries; [`http`] the routes.

pub mod app;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod provider;
pub mod store;

use app::{Payments, WorkerPool};
use axum::Router;
use chassis::{App, Service};
use config::Config;
pub use error::Error;
use events::{commands, customers};
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;
use provider::Provider;
use std::time::Duration;

pub struct PaymentsService;

impl Service for PaymentsService {
    const NAME: &'static str = "payments";
    const BIND: &'static str = "127.0.0.1:3005";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(messaging::operators::openapi())
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let db = app.postgres(&config.postgres, &sqlx::migrate!()).await?;
        let broker = app.broker(&config.amqp);
        let provider = Provider::new(&config.provider);
        app.uses("provider", &provider, Provider::probe);
        app.background("breaker", provider.clone(), Provider::drive);
        let workers = WorkerPool::new(config.worker, app.context().tasks.clone(), app.shutdown());
        let payments = Payments::new(db.clone(), provider, workers, config.webhooks);
        app.background("provider calls", payments.clone(), Payments::make_calls);
        app.every("measures", Duration::from_secs(15), payments.clone(), Payments::measure);
        app.every("purge", Duration::from_hours(1), db.pool().clone(), store::purge);
        app.consume(&broker, &db, commands::consumer(payments.clone()));
        app.consume(&broker, &db, customers::consumer(payments.clone()));
        Ok(http::routes(payments, app.verifier()))
    }
}
