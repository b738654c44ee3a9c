//! GraphQL: the schema that frontends rely on, and how it travels over HTTP.
//!
//! A request passes [`http`] (the protocols), [`plan`] (is it valid, and what exactly is to be executed?), [`guard`] (is it
//! small enough?) and then the schema: [`query`], [`mutation`] and [`subscription`] at the top, a module per noun below.
//! What many things of a list need of a service is gathered by [`load`].

pub mod customer;
pub mod guard;
pub mod http;
pub mod immediate;
pub mod json;
pub mod link;
pub mod load;
pub mod long;
pub mod moment;
pub mod money;
pub mod mutation;
pub mod node;
pub mod order;
pub mod page;
pub mod payment;
pub mod place_order;
pub mod plan;
pub mod product;
pub mod query;
pub mod session;
pub mod stats;
pub mod subscription;

use async_graphql::{Context, ID, MaybeUndefined, SDLExportOptions, Schema};
use uuid::Uuid;

use crate::clients::Services;
use crate::config;
use load::Loader;
use long::Long;
use moment::Moment;
use mutation::Mutation;
use plan::{Executor, ScalarCheck};
use query::Query;
use subscription::Subscription;

/// The schema, which executes only what was planned.
pub type GatewaySchema = Executor<Query, Mutation, Subscription>;

/// Which values our own scalars take.
const SCALARS: &[(&str, ScalarCheck)] = &[("DateTime", Moment::check), ("Long", Long::check)];

/// Builds the schema. Everything about a request comes with the request.
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

/// Reads an id. A text that is not a UUID gives `None`, so it never becomes part of a path.
fn uuid(id: &ID) -> Option<Uuid> {
    id.parse().ok()
}

/// Tells null, which clears, from what is absent.
fn patch<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
