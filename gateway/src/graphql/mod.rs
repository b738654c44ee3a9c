//! GraphQL: the schema that frontends rely on, and how it travels over HTTP.
//!
//! A request passes [`http`] (the protocol), [`guard`] (is it small enough?) and then the schema: [`query`] and
//! [`mutation`] at the top, [`link`] and [`stats`] below. Statistics of many links are gathered by [`load`].

pub mod guard;
pub mod http;
pub mod link;
pub mod load;
pub mod moment;
pub mod mutation;
pub mod query;
pub mod session;
pub mod stats;

use async_graphql::{Context, EmptySubscription, Schema};

use crate::clients::{Client, ServiceError};
use crate::origin::Origin;
use crate::upstream::Upstreams;
use mutation::Mutation;
use query::Query;

/// The schema.
pub type GatewaySchema = Schema<Query, Mutation, EmptySubscription>;

/// How deep selections may nest in async-graphql's own view; ours is stricter and comes first.
const RECURSION: usize = 128;

/// Builds the schema. Everything about a request comes with the request.
#[must_use]
pub fn schema(introspection: bool) -> GatewaySchema {
    let builder = Schema::build(Query, Mutation, EmptySubscription).limit_recursive_depth(RECURSION);
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
