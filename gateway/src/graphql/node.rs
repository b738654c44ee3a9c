//! What can be fetched again by its id alone, as Relay's `@refetchable` does.
//!
//! Ids are UUIDs and say nothing of a thing's type, so whoever may have it is asked: at once, and each service once,
//! whatever the number of ids. `docs/adr/0022-nodes-are-found-by-plain-ids.md` has the reasons.

use super::customer::Customer;
use super::link::Link;
use super::load::{CustomerOf, Key, LinkById, Me, OrderOf, ProductOf, load};
use super::order::Order;
use super::product::Product;
use super::session::User;
use super::{services, uuid};
use crate::clients::ServiceError;
use async_graphql::parser::types::{Selection, SelectionSet};
use async_graphql::{Context, ID, Interface, Result};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use uuid::Uuid;

/// An object that the query `node` finds by its id.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    method = "node_id",
    desc = "The id: a UUID, unique among the objects of all types."
))]
pub enum Node {
    /// A link.
    Link(Link),
    /// A product.
    Product(Product),
    /// An order.
    Order(Order),
    /// A customer.
    Customer(Customer),
    /// An account.
    User(User),
}

/// A type of node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NodeType {
    Product,
    Link,
    Order,
    Customer,
    User,
}

/// What is found of one kind.
type Found<'a> = BoxFuture<'a, Result<Option<Node>, ServiceError>>;

/// Finds the thing of that id, if the client may see it: exactly what the field of its type would tell.
pub(super) async fn node(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>, ServiceError> {
    let Some(id) = uuid(id) else { return Ok(None) };
    let asked = NodeType::asked(ctx);
    let (likely, others): (Vec<_>, Vec<_>) = NodeType::open(ctx, id).partition(|kind| asked.contains(kind));
    let mut away = None;
    for kinds in [likely, others] {
        match first(kinds.into_iter().map(|kind| kind.find(ctx, id)).collect()).await {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => away = away.or(Some(error)),
        }
    }
    away.map_or(Ok(None), Err)
}

/// The first that finds something. A service that is away matters only when nobody does.
async fn first(mut searches: FuturesUnordered<Found<'_>>) -> Result<Option<Node>, ServiceError> {
    let mut away = None;
    while let Some(outcome) = searches.next().await {
        match outcome {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => away = away.or(Some(error)),
        }
    }
    away.map_or(Ok(None), Err)
}

impl NodeType {
    const ALL: [Self; 5] = [Self::Product, Self::Link, Self::Order, Self::Customer, Self::User];

    const fn name(self) -> &'static str {
        match self {
            Self::Product => "Product",
            Self::Link => "Link",
            Self::Order => "Order",
            Self::Customer => "Customer",
            Self::User => "User",
        }
    }

    /// Those that this client may see at all: visitors see products, and of accounts everybody sees the own one.
    fn open(ctx: &Context<'_>, id: Uuid) -> impl Iterator<Item = Self> {
        let user = services(ctx).origin().caller.as_ref().map(|caller| caller.user_id);
        Self::ALL.into_iter().filter(move |kind| match kind {
            Self::Product => true,
            Self::User => user == Some(id),
            Self::Link | Self::Order | Self::Customer => user.is_some(),
        })
    }

    /// Those of which the selection asks for more than any node has. Relay asks for exactly one.
    fn asked(ctx: &Context<'_>) -> Vec<Self> {
        let selections = &ctx.item.node.selection_set.node.items;
        let typed = selections.iter().filter_map(|selection| {
            // The plan has split the selection by type: one inline fragment each, of fields.
            let Selection::InlineFragment(inline) = &selection.node else { return None };
            let condition = inline.node.type_condition.as_ref()?;
            let kind = Self::ALL.into_iter().find(|kind| condition.node.on.node == kind.name())?;
            asks_for_more(&inline.node.selection_set.node).then_some(kind)
        });
        typed.collect()
    }

    fn find<'a>(self, ctx: &'a Context<'_>, id: Uuid) -> Found<'a> {
        match self {
            Self::Product => search(ctx, ProductOf(id), Node::Product),
            Self::Link => search(ctx, LinkById(id), Node::Link),
            Self::Order => search(ctx, OrderOf(id), Node::Order),
            Self::Customer => search(ctx, CustomerOf(id), Node::Customer),
            Self::User => search(ctx, Me, Node::User),
        }
    }
}

fn search<'a, K: Key, T: From<K::Value> + 'a>(ctx: &'a Context<'_>, key: K, node: fn(T) -> Node) -> Found<'a> {
    Box::pin(async move { Ok(load(ctx, key).await?.map(|found| node(found.into()))) })
}

fn asks_for_more(set: &SelectionSet) -> bool {
    set.items.iter().any(|selection| match &selection.node {
        Selection::Field(field) => !matches!(field.node.name.node.as_str(), "id" | "__typename"),
        // What a fragment inside holds is not worth a look: to ask somebody first is a matter of cost only.
        Selection::InlineFragment(_) | Selection::FragmentSpread(_) => true,
    })
}

macro_rules! ids {
    ($($type:ident: $id:expr;)+) => {
        $(impl $type {
            /// The id, as the interface has it.
            async fn node_id(&self, _: &Context<'_>) -> Result<ID> {
                Ok($id(self))
            }
        })+
    };
}

ids! {
    Product: |it: &Self| it.id.clone();
    Link: |it: &Self| it.id.clone();
    Order: |it: &Self| it.0.id.into();
    Customer: |it: &Self| it.id.clone();
    User: |it: &Self| it.id.clone();
}
