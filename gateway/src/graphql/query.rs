//! Queries.

use super::customer::Customer;
use super::link::Link;
use super::load::{Me, load};
use super::node::{Node, node};
use super::order::{Order, OrderStatus};
use super::page::{self, Connection};
use super::product::Product;
use super::scalars::Moment;
use super::session::User;
use super::{services, uuid};
use crate::clients::ServiceError;
use async_graphql::{Context, ID, Object, Result};
use contracts::rest::inventory::ListProducts;
use contracts::rest::orders::ListOrders;
use contracts::rest::shortener::ListLinks;

// Where a service's part of an answer begins, the field is nullable and its error stays inside (`Option<Result<…>>`): an
// error that a resolver returns takes its parent along, nullable or not.
pub struct Query;

/// Queries.
#[Object]
impl Query {
    /// The object with this id, of any type; null when there is none that you may see. Without a token, only products
    /// on sale are found.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The `id` of a link, product, order, customer or account.")] id: ID,
    ) -> Option<Result<Node>> {
        node(ctx, &id).await.map_err(Into::into).transpose()
    }

    /// The user to whom the access token belongs.
    async fn me(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        me(ctx).await.map_err(Into::into).transpose()
    }

    /// One of your links; null when you have none with this code.
    async fn link(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The link's short code.")] code: String,
    ) -> Option<Result<Link>> {
        link(ctx, &code).await.map_err(Into::into).transpose()
    }

    /// Your links, newest first.
    async fn links(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(20)")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Only links with this tag.")] tag: Option<String>,
        #[graphql(desc = "Only links whose title, code or target contains this.")] search: Option<String>,
    ) -> Result<Connection<Link>> {
        let shortener = services(ctx).for_user()?.shortener();
        let is_first = after.is_none();
        let wanted = ListLinks { first: page::first(first)?, after, tag, search };
        let page = shortener.links(&wanted).await?;
        let items = page.items.into_iter().map(|item| (item.cursor, item.link));
        Ok(Connection::new(items, page.has_next_page, is_first))
    }

    /// One of your orders, as it is now or as it was at a moment; null when you have none with this id.
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
        #[graphql(desc = "Show the order as it was at this moment. Now when absent.")] at: Option<Moment>,
    ) -> Option<Result<Order>> {
        order(ctx, &id, at).await.map_err(Into::into).transpose()
    }

    /// Your orders, newest first.
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(20)")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Only orders with this status.")] status: Option<OrderStatus>,
    ) -> Result<Connection<Order>> {
        let orders = services(ctx).for_user()?.orders();
        let is_first = after.is_none();
        let wanted = ListOrders { first: page::first(first)?, after, status: status.map(Into::into) };
        let page = orders.orders(&wanted).await?;
        let items = page.items.into_iter().map(|item| (item.cursor, item.order));
        Ok(Connection::new(items, page.has_next_page, is_first))
    }

    /// Your data as a customer; null until `saveCustomer`.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Customer>> {
        customer(ctx).await.map_err(Into::into).transpose()
    }

    /// The products on sale, newest first. No token is needed. Operators also see products that are not on sale.
    async fn products(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many at most: 1 to 100.", default_with = "Some(20)")] first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "Only products whose name or SKU contains this.")] search: Option<String>,
    ) -> Result<Connection<Product>> {
        let is_first = after.is_none();
        let wanted = ListProducts { first: page::first(first)?, after, search };
        let page = services(ctx).inventory().products(&wanted).await?;
        let items = page.items.into_iter().map(|item| (item.cursor, item.product));
        Ok(Connection::new(items, page.has_next_page, is_first))
    }

    /// A product on sale; null when there is none with this id. No token is needed.
    async fn product(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The product's id.")] id: ID,
    ) -> Option<Result<Product>> {
        product(ctx, &id).await.map_err(Into::into).transpose()
    }
}

async fn me(ctx: &Context<'_>) -> Result<Option<User>, ServiceError> {
    services(ctx).for_user()?;
    Ok(load(ctx, Me).await?.map(User::from))
}

async fn link(ctx: &Context<'_>, code: &str) -> Result<Option<Link>, ServiceError> {
    Ok(services(ctx).for_user()?.shortener().link(code).await?.map(Link::from))
}

async fn order(ctx: &Context<'_>, id: &ID, at: Option<Moment>) -> Result<Option<Order>, ServiceError> {
    let orders = services(ctx).for_user()?.orders();
    let Some(id) = uuid(id) else { return Ok(None) };
    Ok(orders.order(id, at.map(Into::into)).await?.map(Order::from))
}

async fn customer(ctx: &Context<'_>) -> Result<Option<Customer>, ServiceError> {
    Ok(services(ctx).for_user()?.orders().customer().await?.map(Customer::from))
}

async fn product(ctx: &Context<'_>, id: &ID) -> Result<Option<Product>, ServiceError> {
    let Some(id) = uuid(id) else { return Ok(None) };
    Ok(services(ctx).inventory().product(id).await?.map(Product::from))
}
