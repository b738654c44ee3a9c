//! GraphQL: the schema that frontends rely on, and how it travels over HTTP.
//!
//! A request passes [`http`] (the protocols), [`guard`] (is it small enough?) and then the schema: [`query`],
//! [`mutation`] and [`subscription`] at the top, a module per noun below. What many things of a list need of a service
//! is gathered by [`load`].

pub mod customer;
pub mod guard;
pub mod http;
pub mod link;
pub mod load;
pub mod long;
pub mod moment;
pub mod money;
pub mod mutation;
pub mod order;
pub mod page;
pub mod payment;
pub mod place;
pub mod product;
pub mod query;
pub mod session;
pub mod stats;
pub mod subscription;

use async_graphql::{Context, ID, MaybeUndefined, Schema};
use uuid::Uuid;

use crate::clients::{Client, ServiceError};
use crate::origin::Origin;
use crate::upstream::Upstreams;
use mutation::Mutation;
use query::Query;
use subscription::Subscription;

/// The schema.
pub type GatewaySchema = Schema<Query, Mutation, Subscription>;

/// How deep selections may nest in async-graphql's own view; ours is stricter and comes first.
const RECURSION: usize = 128;

/// Builds the schema. Everything about a request comes with the request.
#[must_use]
pub fn schema(introspection: bool) -> GatewaySchema {
    let builder = Schema::build(Query, Mutation, Subscription).limit_recursive_depth(RECURSION);
    if introspection { builder.finish() } else { builder.disable_introspection().finish() }
}

/// Returns the service of that name, on behalf of the client of the request.
fn client<'a>(ctx: &'a Context<'_>, name: &str) -> Result<Client<'a>, ServiceError> {
    Client::of(name, ctx.data_unchecked::<Upstreams>(), origin(ctx))
}

/// Returns the client of the request.
fn origin<'a>(ctx: &'a Context<'_>) -> &'a Origin {
    ctx.data_unchecked::<Origin>()
}

/// Reads an id. What is none is nobody's, and never becomes part of a path.
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
