//! Objects whose fields wait for nothing.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::ContainerType;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures::FutureExt;

/// An object that is answered at once. async-graphql makes a task of every field, for each might wait; of an amount of
/// money that is most of what it costs.
pub struct Immediate<T>(pub T);

impl<T> From<T> for Immediate<T> {
    fn from(object: T) -> Self {
        Self(object)
    }
}

impl<T: ContainerType> Immediate<T> {
    /// Nothing where something other than fields is selected (plans leave none of that), or where a field has to wait.
    fn at_once(&self, ctx: &ContextSelectionSet<'_>) -> Option<Value> {
        let selections = &ctx.item.node.items;
        let mut object = IndexMap::with_capacity(selections.len());
        for selection in selections {
            let Selection::Field(field) = &selection.node else { return None };
            let value = if field.node.name.node == "__typename" {
                Ok(Some(Value::String(self.0.introspection_type_name().into_owned())))
            } else {
                self.0.resolve_field(&ctx.with_field(field)).now_or_never()?
            };
            match value {
                Ok(value) => drop(object.insert(field.node.response_key().node.clone(), value.unwrap_or_default())),
                Err(error) => ctx.add_error(error),
            }
        }
        Some(Value::Object(object))
    }
}

impl<T: ContainerType> OutputType for Immediate<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        match self.at_once(ctx) {
            Some(value) => Ok(value),
            None => self.0.resolve(ctx, field).await,
        }
    }
}
