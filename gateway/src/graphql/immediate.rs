use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types::{Field, Selection};
use async_graphql::registry::Registry;
use async_graphql::resolver_utils::ContainerType;
use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value};
use futures::FutureExt;
use std::borrow::Cow;

/// An object whose fields never wait. async-graphql makes a future of every field, which is most of the cost of small
/// objects like amounts of money.
pub struct Immediate<T>(pub T);

impl<T> From<T> for Immediate<T> {
    fn from(object: T) -> Self {
        Self(object)
    }
}

impl<T: ContainerType> Immediate<T> {
    /// Resolves all fields; `None` if one has to wait, or if something other than fields is selected, which plans never
    /// do.
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
