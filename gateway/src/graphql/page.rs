//! Pages of lists, as Relay's cursor connections have them.

use super::immediate::Immediate;
use super::link::Link;
use super::order::Order;
use super::product::Product;
use crate::clients::ServiceError;
use async_graphql::{OutputType, SimpleObject};

/// A page of a list, newest first.
#[derive(SimpleObject)]
#[graphql(concrete(name = "LinkConnection", params(Link)))]
#[graphql(concrete(name = "OrderConnection", params(Order)))]
#[graphql(concrete(name = "ProductConnection", params(Product)))]
pub struct Connection<T: OutputType>
where
    Edge<T>: OutputType,
{
    /// The items of the page, each with its cursor.
    edges: Vec<Edge<T>>,
    /// Where the page is in the list.
    page_info: Immediate<PageInfo>,
}

/// An item of a list.
#[derive(SimpleObject)]
#[graphql(concrete(name = "LinkEdge", params(Link)))]
#[graphql(concrete(name = "OrderEdge", params(Order)))]
#[graphql(concrete(name = "ProductEdge", params(Product)))]
pub struct Edge<T: OutputType> {
    /// Send it as `after` to get the items that follow this one.
    cursor: String,
    /// The item itself.
    node: T,
}

/// Where a page is in its list.
#[derive(SimpleObject)]
pub struct PageInfo {
    /// Whether more items follow.
    has_next_page: bool,
    /// Whether items came before.
    has_previous_page: bool,
    /// The cursor of the page's first item.
    start_cursor: Option<String>,
    /// The cursor of the page's last item.
    end_cursor: Option<String>,
}

impl<T: OutputType> Connection<T>
where
    Edge<T>: OutputType,
{
    /// Makes a connection of items with their cursors; `is_first` says whether the page is the list's first one.
    pub fn new<I: Into<T>>(items: impl Iterator<Item = (String, I)>, has_next_page: bool, is_first: bool) -> Self {
        let edges: Vec<_> = items.map(|(cursor, item)| Edge { cursor, node: item.into() }).collect();
        let cursor = |edge: Option<&Edge<T>>| edge.map(|edge| edge.cursor.clone());
        let (start_cursor, end_cursor) = (cursor(edges.first()), cursor(edges.last()));
        let page_info = PageInfo { has_next_page, has_previous_page: !is_first, start_cursor, end_cursor };
        Self { edges, page_info: page_info.into() }
    }
}

/// Reads how many are wanted. An argument below zero is refused here; the service refuses what is too many.
pub fn first(first: Option<i32>) -> Result<Option<u32>, ServiceError> {
    first.map(u32::try_from).transpose().map_err(|_| ServiceError::argument("first", "must be 1 to 100"))
}
