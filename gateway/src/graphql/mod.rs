//! GraphQL: the schema for frontends, and its protocols.
//!
//! A request passes [`http`] (the protocols), [`plan`] (validation and planning), [`guard`] (limits on size) and then
//! the schema: [`query`], [`mutation`] and [`subscription`], with a module for each noun. [`load`] batches the calls to
//! services.

pub mod customer;
pub mod guard;
pub mod http;
pub mod immediate;
pub mod link;
pub mod load;
pub mod money;
pub mod mutation;
pub mod node;
pub mod order;
pub mod page;
pub mod payment;
pub mod plan;
pub mod product;
pub mod query;
pub mod scalars;
pub mod session;
pub mod stats;
pub mod subscription;

use crate::clients::Services;
use crate::config;
use async_graphql::{Context, ID, MaybeUndefined, SDLExportOptions, Schema};
use load::Loader;
use mutation::Mutation;
use plan::{Executor, ScalarCheck};
use query::Query;
use scalars::{Long, Moment};
use subscription::Subscription;
use uuid::Uuid;

/// The schema, which executes only what was planned.
pub type GatewaySchema = Executor<Query, Mutation, Subscription>;

/// The checks of our own scalars.
const SCALARS: &[(&str, ScalarCheck)] = &[("DateTime", Moment::check), ("Long", Long::check)];

pub fn schema(config: &config::Graphql) -> anyhow::Result<GatewaySchema> {
    let builder = Schema::build(Query, Mutation, Subscription);
    let builder = if config.introspection { builder } else { builder.disable_introspection() };
    Executor::new(builder, SCALARS, config.guard.clone(), config.introspection)
}

pub fn sdl() -> String {
    Schema::new(Query, Mutation, Subscription).sdl_with_options(SDLExportOptions::new().include_specified_by())
}

/// Returns the services, on behalf of the client of the request.
fn services<'a>(ctx: &'a Context<'_>) -> &'a Services {
    ctx.data_unchecked::<Loader>().services()
}

/// Reads an id. Only UUIDs become parts of paths.
fn uuid(id: &ID) -> Option<Uuid> {
    id.parse().ok()
}

/// Distinguishes null, which clears a field, from an absent one.
fn patch<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
