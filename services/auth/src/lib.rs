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

use anyhow::Context as _;
use app::{Accounts, Services};
use axum::Router;
use chassis::{App, Service};
use chrono::Utc;
use config::Config;
use deletion::AccountDeletion;
pub use error::Error;
use hashing::Hasher;
use keys::Keys;
use limits::Limiter;
use messaging::AppMessaging as _;
use postgres::AppPostgres as _;
use saga::AppSagas as _;
use std::time::Duration;

pub struct Auth;

impl Service for Auth {
    const NAME: &'static str = "auth";
    const BIND: &'static str = "127.0.0.1:3002";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi().merge_from(saga::operators::openapi()).merge_from(messaging::operators::openapi())
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        Ok(http::routes(state(config, app).await?))
    }
}

/// Puts the use cases together; makes the first key and operator.
pub async fn state(config: Config, app: &mut App) -> anyhow::Result<http::State> {
    let db = app.postgres(&config.postgres, &sqlx::migrate!()).await?;
    let broker = app.broker(&config.amqp);
    let sagas = app.sagas(&db, &broker, |sagas| sagas.with(AccountDeletion)).await?;
    let keys = Keys::open(db.clone(), &config.keys, &config.tokens).await?;
    let jwt = app.context().common.jwt.clone();
    // Not by asking the issuer over HTTP: that is us.
    app.verify_with(chassis::jwt::Verifier::local(&jwt, keys.local()));
    let secret = sealing::config::bytes(&config.keys.encryption_key);
    let limiter =
        Limiter::new(db.clone(), config.limits.clone(), &secret.context("keys.encryption_key is not of 32 bytes")?);
    let services = Services::new(config.services.clone(), &config.tokens, keys.clone(), limiter.clone(), jwt.clone());
    let hasher = Hasher::new(&config.passwords)?;
    let accounts = Accounts { db, hasher, keys: keys.clone(), limiter, tokens: config.tokens, jwt, sagas };
    if let Some(operator) = &config.bootstrap_operator {
        accounts.bootstrap(operator).await?;
    }
    app.every("signing keys", config.keys.reload(), keys, |keys| async move { keys.keep_up(Utc::now()).await });
    app.every("purge", Duration::from_mins(10), accounts.clone(), |accounts| async move {
        accounts.purge(Utc::now()).await
    });
    Ok(http::State { accounts, services, verifier: app.verifier() })
}
