//! Changes.

use super::customer::{Customer, CustomerInput};
use super::link::{CreateLinkInput, CreateLinkResult, Link, UpdateLinkInput};
use super::load::forget;
use super::order::{Order, PlaceOrderInput};
use super::product::{ChangeStockInput, CreateProductInput, Product, StockChanged, UpdateProductInput};
use super::session::{LoginInput, RegisterInput, Session};
use super::{services, uuid};
use crate::clients::inventory::no_product;
use crate::clients::orders::no_order;
use crate::clients::{ServiceError, Services};
use async_graphql::{Context, ID, Object, QueryPathSegment, Result};
use contracts::rest::auth::{DeleteAccount, RefreshToken};
use contracts::rest::orders::CancelOrder;
use contracts::rest::shortener::CreateLink;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub struct Mutation;

/// Changes. The fields of one request are executed one after another.
#[Object]
impl Mutation {
    /// Creates an account and starts a session.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: RegisterInput,
    ) -> Result<Session> {
        Ok(change(ctx).auth().register(&input.into()).await?.into())
    }

    /// Starts a session.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials of the account.")] input: LoginInput,
    ) -> Result<Session> {
        Ok(change(ctx).auth().log_in(&input.into()).await?.into())
    }

    /// Renews a session. Each refresh token can be used once; the answer holds the next one.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The latest refresh token of the session.")] refresh_token: String,
    ) -> Result<Session> {
        Ok(change(ctx).auth().refresh(&RefreshToken { refresh_token }).await?.into())
    }

    /// Ends a session.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's refresh token.")] refresh_token: String,
    ) -> Result<bool> {
        change(ctx).auth().revoke(&RefreshToken { refresh_token }).await?;
        Ok(true)
    }

    /// Creates a link. With an `Idempotency-Key` header (1 to 255 visible ASCII characters, sent once) the request can be
    /// sent again without creating another.
    async fn create_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link.")] input: CreateLinkInput,
    ) -> Result<Link> {
        let shortener = change(ctx).for_user()?.shortener();
        let key = idempotency_key(ctx)?;
        Ok(shortener.create(&input.into(), &key).await?.into())
    }

    /// Creates up to 5,000 links. Each succeeds or fails by itself. With an `Idempotency-Key` header the request can be sent
    /// again without creating any link twice.
    async fn create_links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The links: 1 to 5,000.")] inputs: Vec<CreateLinkInput>,
    ) -> Result<Vec<CreateLinkResult>> {
        let shortener = change(ctx).for_user()?.shortener();
        let links = inputs.into_iter().map(CreateLink::from).collect();
        let results = shortener.create_many(links, &idempotency_key(ctx)?).await?.results;
        Ok(results.into_iter().map(CreateLinkResult::from).collect())
    }

    /// Changes a link. Fields that are absent stay as they are; null clears a field.
    async fn update_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link's short code.")] code: String,
        #[graphql(desc = "The changes.")] input: UpdateLinkInput,
    ) -> Result<Link> {
        Ok(change(ctx).for_user()?.shortener().update(&code, &input.into()).await?.into())
    }

    /// Deletes a link. Its code is never used again.
    async fn delete_link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link's short code.")] code: String,
    ) -> Result<bool> {
        change(ctx).for_user()?.shortener().delete(&code).await?;
        Ok(true)
    }

    /// Deletes the account and everything that belongs to the user: links, statistics, personal data. The deletion
    /// continues in the background.
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password of the account, to confirm.")] password: String,
    ) -> Result<bool> {
        change(ctx).for_user()?.auth().delete_account(&DeleteAccount { password }).await?;
        Ok(true)
    }

    /// Stores all of the user's data as a customer.
    async fn save_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "All of the data.")] input: CustomerInput,
    ) -> Result<Customer> {
        let orders = change(ctx).for_user()?.orders();
        let customer = input.try_into().map_err(ServiceError::refused)?;
        Ok(orders.save_customer(&customer).await?.into())
    }

    /// Places an order. The order is pending at first: subscribe to `orderChanged` to follow it. For 72 hours, the same
    /// key and input place one order, however often they are sent.
    async fn place_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order.")] input: PlaceOrderInput,
        #[graphql(desc = "A unique key of your choice for this order: 1 to 255 visible ASCII characters.")]
        idempotency_key: String,
    ) -> Result<Order> {
        let orders = change(ctx).for_user()?.orders();
        let order = input.try_into().map_err(ServiceError::refused)?;
        Ok(orders.place(&order, &idempotency_key).await?.into())
    }

    /// Cancels an order that is not shipped yet.
    async fn cancel_order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
        #[graphql(desc = "The reason, which is kept in the order's history.")] reason: Option<String>,
    ) -> Result<Order> {
        let orders = change(ctx).for_user()?.orders();
        let id = uuid(&id).ok_or_else(no_order)?;
        Ok(orders.cancel(id, &CancelOrder { reason }).await?.into())
    }

    /// Creates a product. Operators only.
    async fn create_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The product.")] input: CreateProductInput,
    ) -> Result<Product> {
        let inventory = change(ctx).for_user()?.inventory();
        let product = input.try_into().map_err(ServiceError::refused)?;
        Ok(inventory.create(&product).await?.into())
    }

    /// Changes a product. Fields that are absent stay as they are; null clears a field. Operators only.
    async fn update_product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The product's id.")] id: ID,
        #[graphql(desc = "The changes.")] input: UpdateProductInput,
    ) -> Result<Product> {
        let inventory = change(ctx).for_user()?.inventory();
        let id = uuid(&id).ok_or_else(no_product)?;
        let changes = input.try_into().map_err(ServiceError::refused)?;
        Ok(inventory.update(id, &changes).await?.into())
    }

    /// Changes the stock of a product. The same key and input change it once. Operators only.
    async fn change_stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The change.")] input: ChangeStockInput,
        #[graphql(desc = "A unique key of your choice for this change: 1 to 255 visible ASCII characters.")]
        idempotency_key: String,
    ) -> Result<StockChanged> {
        let inventory = change(ctx).for_user()?.inventory();
        let id = uuid(&input.product_id).ok_or_else(no_product)?;
        Ok(inventory.change_stock(id, &input.into(), &idempotency_key).await?.into())
    }
}

/// Returns the services, for a field that changes something. What earlier fields of the request loaded is old then, and is
/// loaded again when it is asked for.
fn change<'a>(ctx: &'a Context<'_>) -> &'a Services {
    forget(ctx);
    services(ctx)
}

/// Returns the key of a creation: the client's own, told apart by field where one request creates several, or else one
/// that serves our own second try. The hash keeps it as short as a key must be, whatever the field is called.
fn idempotency_key(ctx: &Context<'_>) -> Result<String, ServiceError> {
    let field = match ctx.path_node.as_ref().map(|node| node.segment) {
        Some(QueryPathSegment::Name(name)) => name,
        _ => "createLink",
    };
    match &services(ctx).origin().idempotency_key {
        Some(Ok(key)) => Ok(hex::encode(Sha256::digest(format!("{}.{field}", key.as_str())))),
        Some(Err(why)) => Err(ServiceError::argument("Idempotency-Key", why)),
        None => Ok(Uuid::now_v7().to_string()),
    }
}
