//! Accounts, sessions, and the keys that verify access tokens.
//!
//! Where to look: [`domain`] says what accounts, passwords and tokens are; [`app`] holds the use
//! cases, one transaction each; [`store`] the queries; [`http`] the routes; [`keys`] the signing
//! keys from making to destruction; [`hashing`] and [`limits`] bound what strangers can make us do.

pub mod app;
pub mod config;
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
    messaging::{self, Broker, Relay, outbox},
};
use config::Config;
use secrecy::ExposeSecret;
use sqlx::{PgPool, postgres::PgPoolOptions};
use std::time::Duration;

/// How long a request waits for a connection to the database before it is answered 503.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(3);

/// The service.
pub struct Auth;

impl chassis::Service for Auth {
    const NAME: &'static str = "auth";
    const BIND: &'static str = "127.0.0.1:3002";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    async fn build(config: Config, context: Context) -> anyhow::Result<App> {
        let accounts = assemble(config, &context).await?;
        // Not the context's verifier, which asks the issuer over HTTP: that is us.
        let verifier = Verifier::local(&context.common.jwt, accounts.keys().local());
        Ok(App { router: http::routes(accounts, verifier), ..App::default() })
    }
}

/// Connects, migrates, makes the first key and operator, and starts the background tasks.
///
/// # Errors
/// Fails when the database is away, keys cannot be opened, or the bootstrap operator's e-mail
/// belongs to somebody else.
pub async fn assemble(config: Config, context: &Context) -> anyhow::Result<Accounts> {
    let pool = connect(&config, context).await?;
    relay(&config, context, pool.clone());
    let keys = keys::Keys::open(pool.clone(), &config.keys, &config.tokens).await?;
    let secret =
        config::sealing_key_bytes(&config.keys.encryption_key).context("keys.encryption_key is not of 32 bytes")?;
    let limiter = limits::Limiter::new(pool.clone(), config.limits, &secret);
    let hasher = hashing::Hasher::new(&config.passwords)?;
    let jwt = context.common.jwt.clone();
    let accounts = Accounts::new(pool, hasher, keys.clone(), limiter, config.tokens, jwt);
    if let Some(operator) = &config.bootstrap_operator {
        accounts.bootstrap(operator).await?;
    }
    let shutdown = context.shutdown.clone();
    context.spawn("signing keys", move || keys.clone().run(shutdown.clone()));
    let (purging, shutdown) = (accounts.clone(), context.shutdown.clone());
    context.spawn("purge", move || purging.clone().keep_purging(shutdown.clone()));
    Ok(accounts)
}

async fn connect(config: &Config, context: &Context) -> anyhow::Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(config.postgres.max_connections)
        .acquire_timeout(ACQUIRE_LIMIT)
        .connect(config.postgres.url.expose_secret())
        .await
        .context("the database cannot be reached")?;
    sqlx::migrate!().run(&pool).await.context("the database could not be migrated")?;
    messaging::postgres::prepare(&pool).await.context("the outbox could not be prepared")?;
    let probed = pool.clone();
    context.health.register("postgres", move || {
        let pool = probed.clone();
        async move { Ok(sqlx::query("SELECT 1").execute(&pool).await.map(drop)?) }
    });
    Ok(pool)
}

/// Starts what publishes the outbox. While the broker is away events wait and all else works, so
/// its absence degrades and does not make unready.
fn relay(config: &Config, context: &Context, pool: PgPool) {
    let broker = Broker::new(&config.amqp.url, "auth");
    let probed = broker.clone();
    context.health.register_optional("rabbitmq", move || {
        let broker = probed.clone();
        async move { broker.probe().await }
    });
    let relay = Relay::new(outbox::postgres::Store::new(pool), broker.publisher());
    let shutdown = context.shutdown.clone();
    context.spawn("outbox relay", move || relay.clone().run(shutdown.clone()));
}
