//! The gateway: one GraphQL schema and one REST address for all services. It stays up when they do not.
//!
//! A request passes [`origin::admit`] (limits, token) and goes to [`graphql`] or the REST [`proxy`]; redirects skip the
//! limits and the token. Every call to a service goes through the layers in `upstream/stack.rs`. Operators have their
//! own address: [`operators`].
//!
//! The gateway owns no data. It works without Redis, which holds [`limits`] and the [`stale_cache`].

pub mod clients;
pub mod config;
pub mod graphql;
pub mod limits;
pub mod metrics;
mod openapi;
pub mod operators;
pub mod origin;
mod permits;
pub mod proxy;
mod security;
pub mod stale_cache;
pub mod store;
pub mod upstream;

use axum::{Router, middleware};
use breaker::Registry;
use chassis::App;
use config::Config;
use graphql::http::{Graphql, Live, PersistedDocuments};
use limits::Limits;
use operators::Operators;
use stale_cache::StaleCache;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use upstream::Upstreams;

/// How many transitions of breakers are kept for operators.
const MOVES_KEPT: usize = 1_000;

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

    async fn build(config: Config, app: &mut App) -> anyhow::Result<Router> {
        breaker::describe();
        metrics::describe();
        let breakers = Registry::new(MOVES_KEPT);
        let store = Store::new(&config.redis, &breakers)?;
        let upstreams = Upstreams::new(&config.upstreams, &breakers);
        let limits = Limits::new(&config.limits)?;
        app.uses("redis", &store, |store| async move { store.ping().await });
        app.uses("limits", &limits, |limits| async move { limits.probe().await });
        app.background("breaker timer", breakers.clone(), |breakers| async move {
            breakers.drive().await;
            Ok(())
        });
        for upstream in upstreams.iter() {
            app.background("breaker prober", upstream.clone(), |upstream| async move {
                operators::prober::run(upstream).await;
                Ok(())
            });
        }
        let operators =
            Operators { breakers, store: store.clone(), verifier: app.verifier(), shutdown: app.shutdown() };
        let operators = operators::routes(operators, app.context());
        app.listener(config.operators.bind, operators);
        app.bare(proxy::redirect_routes(upstreams.needed("shortener").clone()));
        public(&config, app.context(), store, limits, upstreams)
    }
}

/// The public routes, behind limits and tokens.
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
        stale_cache: StaleCache::new(store.clone(), config.copies),
        persisted: PersistedDocuments::new(store, config.graphql.persisted),
        live: live.clone(),
        config: Arc::new(config.graphql.clone()),
    };
    let admission = (limits, context.verifier.clone());
    let router = graphql::http::routes(graphql)?
        .merge(proxy::rest_routes(upstreams, config.proxy.clone(), live))
        // Inside `security::protect`, so that refusals have the security headers, too.
        .route_layer(middleware::from_fn_with_state(admission, origin::admit));
    Ok(security::protect(router, &config.cors))
}

pub fn sdl() -> String {
    graphql::sdl()
}
