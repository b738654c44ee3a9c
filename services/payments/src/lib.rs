//! Charges and refunds at the payment provider, each once, whatever fails in between.
//!
//! A command records an intent and returns; a worker calls the provider; outcome, event and reply commit together.
//! An outcome that is not known is asked for before anything is called again.
//!
//! Where to look: [`domain`] says what payments are; [`app`] holds the use cases, one transaction each; [`worker`]
//! hands calls out; [`provider`] is the provider's API behind a breaker; [`events`] what is consumed; [`store`] the
//! queries; [`http`] the routes.

pub mod app;
pub mod config;
pub mod domain;
mod error;
pub mod events;
pub mod http;
pub mod metrics;
pub mod provider;
pub mod store;
pub mod worker;

pub use error::Error;

use app::Payments;
use chassis::{
    App, Context,
    messaging::{self, Broker, Consumer, DeadLetters, Handler, Relay, Subscription, ledger, outbox},
};
use config::Config;
use events::{commands, customers};
use provider::Provider;
use sqlx::PgPool;
use std::time::Duration;
use utoipa::OpenApi;
use worker::Desk;

/// How often what has served its time is dropped.
const PURGE_EVERY: Duration = Duration::from_secs(3_600);

/// The service.
pub struct PaymentsService;

impl chassis::Service for PaymentsService {
    const NAME: &'static str = "payments";
    const BIND: &'static str = "127.0.0.1:3005";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(messaging::operators::Api::openapi())
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let (payments, letters) = assemble(config, &context).await?;
        let router = http::routes(payments, context.verifier.clone());
        let operated = messaging::operators::routes(context.verifier.clone(), letters);
        Ok(App { router: router.merge(operated), ..App::default() })
    }
}

/// Connects, migrates, and starts relay, consumers and workers.
///
/// # Errors
/// Fails when the database is away or cannot be migrated.
pub async fn assemble(config: Config, context: &Context) -> anyhow::Result<(Payments, Vec<DeadLetters>)> {
    let pool = chassis::postgres::open(&config.postgres, &sqlx::migrate!(), context).await?;
    let provider = Provider::new(&config.provider);
    let probed = provider.clone();
    context.health.register_optional("provider", move || {
        let provider = probed.clone();
        async move { provider.probe().await }
    });
    let desk = Desk::new(config.worker, context.tasks.clone(), context.shutdown.clone());
    let payments = Payments::new(pool.clone(), provider.clone(), desk, config.webhooks);

    let broker = Broker::new(&config.amqp.url, "payments");
    relay(&broker, context, pool.clone());
    let letters = vec![
        consume(&broker, context, &pool, commands::subscription(), commands::Commands(payments.clone())).await,
        consume(&broker, context, &pool, customers::subscription(), customers::Customers::new(payments.clone())).await,
    ];
    work(context, &payments, pool);
    Ok((payments, letters))
}

/// Starts what runs beside: breaker, workers, measures, and what drops old rows.
fn work(context: &Context, payments: &Payments, pool: PgPool) {
    let (provider, shutdown) = (payments.provider().clone(), context.shutdown.clone());
    context.spawn("breaker", move || {
        let (provider, shutdown) = (provider.clone(), shutdown.clone());
        async move {
            shutdown.run_until_cancelled(provider.drive()).await;
            Ok(())
        }
    });
    let (working, shutdown) = (payments.clone(), context.shutdown.clone());
    context.spawn("provider calls", move || working.clone().hand_out(shutdown.clone()));
    let (measured, shutdown) = (payments.clone(), context.shutdown.clone());
    context.spawn("measures", move || measured.clone().measure(shutdown.clone()));
    let (purged, shutdown) = (pool.clone(), context.shutdown.clone());
    context.spawn("purge", move || {
        let (pool, shutdown) = (purged.clone(), shutdown.clone());
        async move {
            let mut ticks = tokio::time::interval(PURGE_EVERY);
            while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
                store::provider_events::purge(&pool).await?;
            }
            Ok(())
        }
    });
    let shutdown = context.shutdown.clone();
    context.spawn("inbox upkeep", move || messaging::postgres::upkeep(pool.clone(), shutdown.clone()));
}

/// Starts what publishes the outbox. While the broker is away commands and replies wait, and what was recorded is
/// settled all the same: its absence degrades.
fn relay(broker: &Broker, context: &Context, pool: PgPool) {
    let probed = broker.clone();
    context.health.register_optional("rabbitmq", move || {
        let broker = probed.clone();
        async move { broker.probe().await }
    });
    let relay = Relay::new(outbox::postgres::Store::new(pool), broker.publisher());
    let shutdown = context.shutdown.clone();
    context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));
}

/// Starts a consumer; its queues are declared before this unit is ready, as far as the broker is there.
async fn consume<H: Handler>(
    broker: &Broker,
    context: &Context,
    pool: &PgPool,
    subscription: Subscription,
    handler: H,
) -> DeadLetters {
    let ledger = ledger::postgres(pool.clone());
    let letters = DeadLetters::new(broker, &subscription, ledger.clone());
    let consumer = Consumer::new(broker, subscription, ledger, handler);
    if let Err(error) = consumer.declare().await {
        tracing::warn!(error = format!("{error:#}"), "The queues of a consumer could not be declared yet.");
    }
    let shutdown = context.shutdown.clone();
    context.spawn("consumer", move || consumer.clone().run(shutdown.clone()));
    letters
}
