//! What can be asked.

use async_graphql::{Context, Object, Result};
use contracts::rest::shortener::ListLinks;

use super::link::{Link, LinkConnection};
use super::session::User;
use super::{client, origin};
use crate::clients::ServiceError;

/// What can be asked. Where a service's part of an answer begins, the field is nullable and its error stays inside
/// (`Option<Result<…>>`): an error that a resolver returns takes its parent along, nullable or not.
pub struct Query;

#[Object]
impl Query {
    /// The user whose token came.
    async fn me(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(me(ctx).await.map_err(Into::into))
    }

    /// One of the user's links; null where there is none of that code.
    async fn link(&self, ctx: &Context<'_>, code: String) -> Option<Result<Link>> {
        link(ctx, &code).await.map_err(Into::into).transpose()
    }

    /// The user's links, newest first.
    async fn links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(20)")] first: Option<i32>,
        #[graphql(desc = "The cursor behind which to go on.")] after: Option<String>,
        #[graphql(desc = "Only links with this tag.")] tag: Option<String>,
        #[graphql(desc = "Only links whose title, code or target contains this.")] search: Option<String>,
    ) -> Result<LinkConnection> {
        origin(ctx).user()?;
        let wrong = |_| ServiceError::argument("first", "It must be 1 to 100.");
        let first = first.map(u32::try_from).transpose().map_err(wrong)?;
        let is_first = after.is_none();
        let wanted = ListLinks { first, after, tag, search };
        Ok(LinkConnection::new(client(ctx, "shortener")?.links(&wanted).await?, is_first))
    }
}

async fn me(ctx: &Context<'_>) -> Result<User, ServiceError> {
    origin(ctx).user()?;
    Ok(client(ctx, "auth")?.me().await?.into())
}

async fn link(ctx: &Context<'_>, code: &str) -> Result<Option<Link>, ServiceError> {
    origin(ctx).user()?;
    Ok(client(ctx, "shortener")?.link(code).await?.map(Link::from))
}
