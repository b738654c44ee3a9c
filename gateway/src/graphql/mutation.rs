//! What can be done.

use async_graphql::{Context, Object, QueryPathSegment, Result};
use contracts::rest::auth::RefreshToken;
use contracts::rest::shortener::CreateLink;
use uuid::Uuid;

use super::link::{CreateLinkInput, CreateLinkResult, Link, UpdateLinkInput};
use super::session::{LoginInput, RegisterInput, Session};
use super::{client, origin};

/// What can be done.
pub struct Mutation;

#[Object]
impl Mutation {
    /// Opens an account and begins a session.
    async fn register(&self, ctx: &Context<'_>, input: RegisterInput) -> Result<Session> {
        Ok(client(ctx, "auth")?.register(&input.into()).await?.into())
    }

    /// Begins a session.
    async fn login(&self, ctx: &Context<'_>, input: LoginInput) -> Result<Session> {
        Ok(client(ctx, "auth")?.log_in(&input.into()).await?.into())
    }

    /// Goes on with a session: the refresh token is used up and replaced.
    async fn refresh_session(&self, ctx: &Context<'_>, refresh_token: String) -> Result<Session> {
        Ok(client(ctx, "auth")?.refresh(&RefreshToken { refresh_token }).await?.into())
    }

    /// Ends a session.
    async fn logout(&self, ctx: &Context<'_>, refresh_token: String) -> Result<bool> {
        client(ctx, "auth")?.revoke(&RefreshToken { refresh_token }).await?;
        Ok(true)
    }

    /// Creates a link. With an `Idempotency-Key` header the request can be sent again without creating another.
    async fn create_link(&self, ctx: &Context<'_>, input: CreateLinkInput) -> Result<Link> {
        origin(ctx).user()?;
        let key = idempotency_key(ctx);
        Ok(client(ctx, "shortener")?.create_link(&input.into(), &key).await?.into())
    }

    /// Creates up to 5,000 links. Each succeeds or fails by itself.
    async fn create_links(&self, ctx: &Context<'_>, inputs: Vec<CreateLinkInput>) -> Result<Vec<CreateLinkResult>> {
        origin(ctx).user()?;
        let links = inputs.into_iter().map(CreateLink::from).collect();
        let results = client(ctx, "shortener")?.create_links(links).await?.results;
        Ok(results.into_iter().map(CreateLinkResult::from).collect())
    }

    /// Changes a link: what is absent stays, null clears.
    async fn update_link(&self, ctx: &Context<'_>, code: String, input: UpdateLinkInput) -> Result<Link> {
        origin(ctx).user()?;
        Ok(client(ctx, "shortener")?.update_link(&code, &input.into()).await?.into())
    }

    /// Deletes a link. Its code is never given out again.
    async fn delete_link(&self, ctx: &Context<'_>, code: String) -> Result<bool> {
        origin(ctx).user()?;
        client(ctx, "shortener")?.delete_link(&code).await?;
        Ok(true)
    }
}

/// Returns the key of a creation: the client's own, told apart by field where one request creates several, or else one
/// that serves our own second try.
fn idempotency_key(ctx: &Context<'_>) -> String {
    let field = match ctx.path_node.as_ref().map(|node| node.segment) {
        Some(QueryPathSegment::Name(name)) => name,
        _ => "createLink",
    };
    match &origin(ctx).idempotency_key {
        Some(key) => format!("{key}.{field}"),
        None => Uuid::now_v7().to_string(),
    }
}
