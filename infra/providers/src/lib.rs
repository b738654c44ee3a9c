//! The outside world, as a real HTTP server with faults that can be switched on: a payment provider
//! that charges and refunds, keeps a ledger on disk, and tells outcomes by signed webhooks.
//!
//! Where to look: [`payment`] says what charges and refunds are; [`ledger`] keeps them, once per
//! idempotency key; [`faults`] says what goes wrong; [`webhooks`] tells outcomes; [`http`] the routes.

pub mod config;
pub mod faults;
pub mod http;
pub mod ledger;
pub mod payment;
pub mod webhooks;

use anyhow::Context as _;
use axum::Router;
use chassis::{App, Context};
use config::Config;
use faults::Faults;
use http::State;
use ledger::Ledger;
use webhooks::Webhooks;

pub struct Providers;

impl chassis::Service for Providers {
    const NAME: &'static str = "providers";
    const BIND: &'static str = "127.0.0.1:3900";
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        http::openapi()
    }

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        let state = assemble(&config, app.context())?;
        // Bare: the full stack would cut a request off that is meant to hang.
        app.bare(http::routes(state));
        Ok(Router::new())
    }
}

/// Opens the ledger and goes on with the webhooks that were not delivered.
pub fn assemble(config: &Config, context: &Context) -> anyhow::Result<State> {
    let (ledger, untold) = Ledger::open(&config.ledger.directory).context("the ledger could not be opened")?;
    let faults = Faults::seeded(config.faults.seed);
    let webhooks = Webhooks::new(config, ledger.clone(), faults.clone(), context);
    untold.into_iter().for_each(|outcome| webhooks.tell(outcome));
    Ok(State::new(&config.secret, ledger, faults, webhooks))
}
