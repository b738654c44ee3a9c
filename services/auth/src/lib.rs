//! Accounts, sessions, and the keys that verify access tokens.
//!
//! Where to look: [`domain`] says what accounts, passwords and tokens are; [`app`] holds the use
//! cases, one transaction each; [`deletion`] the saga that ends an account; [`store`] the queries; [`http`] the routes; [`keys`] the signing
//! keys from making to destruction; [`hashing`] and [`limits`] bound what strangers can make us do.

pub mod app;
pub mod config;
pub mod deletion;
pub mod domain;
mod error;
pub mod hashing;
pub mod http;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod store;

pub use error::Error;

use anyhow::Context as _;
use app::Accounts;
use chassis::{
    App, Context,
    jwt::Verifier,
    messaging::{Broker, DeadLetters, Relay, ledger, operators, outbox},
};
use config::Config;
use deletion::AccountDeletion;
use saga::Engine;
use sqlx::PgPool;
use utoipa::OpenApi as _;

/// The service.
pub struct Auth;

impl chassis::Service for Auth {
    const NAME: &'static str = "auth";
    const BIND: &'static str = "127.0.0.1:3002";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(saga::operators::Api::openapi()).merge_from(operators::Api::openapi())
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let broker = Broker::new(&config.amqp.url, Self::NAME);
        let accounts = assemble(config, &context, &broker).await?;
        // Not the context's verifier, which asks the issuer over HTTP: that is us.
        let verifier = Verifier::local(&context.common.jwt, accounts.keys().local());
        let dead =
            DeadLetters::new(&broker, &accounts.sagas().subscription(), ledger::postgres(accounts.pool().clone()));
        let router = http::routes(accounts.clone(), verifier.clone())
            .merge(saga::operators::routes(accounts.sagas().clone(), verifier.clone()))
            .merge(operators::routes(verifier, [dead]));
        Ok(App { router, ..App::default() })
    }
}

/// Connects, migrates, makes the first key and operator, and starts the background tasks.
///
/// # Errors
/// Fails when the database is away, keys cannot be opened, or the bootstrap operator's e-mail
/// belongs to somebody else.
pub async fn assemble(config: Config, context: &Context, broker: &Broker) -> anyhow::Result<Accounts> {
    let pool = chassis::postgres::open(&config.postgres, &sqlx::migrate!(), context).await?;
    relay(broker, context, pool.clone());
    let sagas = sagas(broker, context, &pool).await?;
    let keys = keys::Keys::open(pool.clone(), &config.keys, &config.tokens).await?;
    let secret =
        config::sealing_key_bytes(&config.keys.encryption_key).context("keys.encryption_key is not of 32 bytes")?;
    let limiter = limits::Limiter::new(pool.clone(), config.limits, &secret);
    let hasher = hashing::Hasher::new(&config.passwords)?;
    let jwt = context.common.jwt.clone();
    let accounts = Accounts::new(pool, hasher, keys.clone(), limiter, config.tokens, jwt, sagas);
    if let Some(operator) = &config.bootstrap_operator {
        accounts.bootstrap(operator).await?;
    }
    let shutdown = context.shutdown.clone();
    context.spawn("signing keys", move || keys.clone().run(shutdown.clone()));
    let (purging, shutdown) = (accounts.clone(), context.shutdown.clone());
    context.spawn("purge", move || purging.clone().keep_purging(shutdown.clone()));
    Ok(accounts)
}

/// Starts what publishes the outbox. While the broker is away events wait and all else works, so
/// its absence degrades and does not make unready.
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

/// Starts what deletes accounts.
async fn sagas(broker: &Broker, context: &Context, pool: &PgPool) -> anyhow::Result<Engine> {
    saga::prepare(pool).await.context("the tables of sagas could not be prepared")?;
    let engine = Engine::new(pool.clone(), <Auth as chassis::Service>::NAME).with(AccountDeletion)?;
    let (replies, shutdown) = (engine.consumer(broker, ledger::postgres(pool.clone())), context.shutdown.clone());
    context.spawn("saga replies", move || replies.clone().run(shutdown.clone()));
    let (sweeping, reached, shutdown) = (engine.clone(), broker.clone(), context.shutdown.clone());
    context.spawn("saga sweep", move || sweeping.clone().sweep(reached.clone(), shutdown.clone()));
    Ok(engine)
}
