//! The gateway: one GraphQL schema and one REST address for all services, up when they are not.
//!
//! A request comes in at [`origin::admit`] (limits, token) and goes to [`graphql`] or the REST [`proxy`]; redirects
//! go past all that. Whatever calls a service goes through [`stack`], where the layers stand in the order that
//! matters. Operators have an address of their own: [`operators`].
//!
//! The gateway owns no data. What it keeps in Redis ([`limits`], [`copies`]) it can do without.

pub mod clients;
pub mod config;
pub mod copies;
pub mod graphql;
pub mod limits;
pub mod metrics;
mod openapi;
pub mod operators;
pub mod origin;
pub mod proxy;
mod security;
pub mod stack;
pub mod store;
pub mod upstream;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::{Router, middleware};
use breaker::Registry;
use chassis::App;

use config::Config;
use copies::Copies;
use graphql::http::{Graphql, Live, PersistedDocuments};
use limits::Limits;
use operators::Operators;
use store::Store;
use upstream::Upstreams;

/// How many moves of breakers are kept for those who watch.
const MOVES_KEPT: usize = 1_000;

/// The gateway as the chassis runs it.
pub struct Gateway;

impl chassis::Service for Gateway {
    const NAME: &'static str = "gateway";
    const BIND: &'static str = "127.0.0.1:8080";
    const LISTS: &'static [&'static str] = &["cors.origins"];
    const REQUEST_TIMEOUT: Duration = contracts::patience::DOOR;
    const IS_PUBLIC: bool = true;
    type Config = Config;

    fn openapi() -> utoipa::openapi::OpenApi {
        openapi::document()
    }

    async fn build(config: Config, context: chassis::Context) -> anyhow::Result<App> {
        breaker::describe();
        metrics::describe();
        let breakers = Registry::new(MOVES_KEPT);
        let store = Store::new(&config.redis, &breakers)?;
        let upstreams = Upstreams::new(&config.upstreams, &breakers);
        let limits = Limits::new(&config.limits)?;
        look_after(&context, &breakers, &store, &limits, &upstreams);

        let operators = Operators {
            breakers,
            store: store.clone(),
            verifier: context.verifier.clone(),
            shutdown: context.shutdown.clone(),
        };
        let operators = operators::routes(operators, &context);
        let shortener = upstreams.get("shortener").context("shortener is always there")?.clone();
        Ok(App {
            router: public(&config, &context, store, limits, upstreams)?,
            bare: proxy::redirect_routes(shortener),
            express: None,
            listeners: vec![(config.operators.bind, operators)],
        })
    }
}

/// Starts what runs beside the requests.
fn look_after(context: &chassis::Context, breakers: &Registry, store: &Store, limits: &Limits, upstreams: &Upstreams) {
    let (timer, shutdown) = (breakers.clone(), context.shutdown.clone());
    context.spawn("breaker timer", move || {
        let (timer, shutdown) = (timer.clone(), shutdown.clone());
        async move {
            shutdown.run_until_cancelled(timer.drive()).await;
            Ok(())
        }
    });
    for upstream in upstreams.iter() {
        let (upstream, shutdown) = (upstream.clone(), context.shutdown.clone());
        context.spawn("breaker prober", move || {
            let (upstream, shutdown) = (upstream.clone(), shutdown.clone());
            async move {
                shutdown.run_until_cancelled(operators::prober::run(upstream)).await;
                Ok(())
            }
        });
    }
    let store = store.clone();
    context.health.register_optional("redis", move || {
        let store = store.clone();
        async move { store.ping().await }
    });
    let limits = limits.clone();
    context.health.register_optional("limits", move || {
        let limits = limits.clone();
        async move { limits.probe().await }
    });
}

/// The routes of everybody, behind limits and tokens.
fn public(
    config: &Config,
    context: &chassis::Context,
    store: Store,
    limits: Limits,
    upstreams: Upstreams,
) -> anyhow::Result<Router> {
    let live = Live::new(&config.graphql.live, limits.clone(), context);
    let graphql = Graphql {
        schema: graphql::schema(&config.graphql)?,
        upstreams: upstreams.clone(),
        copies: Copies::new(store.clone(), config.copies),
        persisted: PersistedDocuments::new(store, config.graphql.persisted),
        live: live.clone(),
        config: Arc::new(config.graphql.clone()),
    };
    let admission = (limits, context.verifier.clone());
    let router = graphql::http::routes(graphql)?
        .merge(proxy::rest_routes(upstreams, config.proxy.clone(), live))
        // Inside of `security::protect`, so that refusals carry the security headers, too.
        .route_layer(middleware::from_fn_with_state(admission, origin::admit));
    Ok(security::protect(router, &config.cors))
}

/// Returns the GraphQL schema as text.
#[must_use]
pub fn sdl() -> String {
    graphql::sdl()
}
