//! The schema, parsed once from our own SDL.

use anyhow::Context as _;
use apollo_compiler::ast::{InputValueDefinition, Type};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{Name, Node, Schema};
use async_graphql::Value;
use std::collections::HashMap;

/// Checks a value of a scalar of ours. The error says what is wrong.
pub type ScalarCheck = fn(&Value) -> Result<(), String>;

/// The schema, and the checks of its own scalars.
pub(super) struct Types {
    pub(super) schema: Valid<Schema>,
    /// The object types of each interface and union.
    objects: HashMap<Name, Vec<Name>>,
    scalars: HashMap<&'static str, ScalarCheck>,
}

impl Types {
    pub(super) fn parse(sdl: &str, scalars: &[(&'static str, ScalarCheck)]) -> anyhow::Result<Self> {
        let schema = Schema::parse_and_validate(sdl, "schema.graphql");
        let schema = schema.map_err(|invalid| anyhow::anyhow!("{}", invalid.errors)).context("reading our own SDL")?;
        let mut objects = HashMap::new();
        for (name, implementers) in schema.implementers_map() {
            objects.insert(name, sorted(implementers.objects.into_iter().collect()));
        }
        for (name, ty) in &schema.types {
            if let Some(union) = ty.as_union() {
                objects.insert(name.clone(), union.members.iter().map(|member| member.name.clone()).collect());
            }
        }
        Ok(Self { schema, objects, scalars: scalars.iter().copied().collect() })
    }

    /// Returns the object types of an abstract type; `None` for other types.
    pub(super) fn objects_of(&self, ty: &Name) -> Option<&[Name]> {
        let is_abstract = matches!(self.get(ty), Some(ExtendedType::Interface(_) | ExtendedType::Union(_)));
        is_abstract.then(|| self.objects.get(ty).map_or(&[][..], Vec::as_slice))
    }

    /// Whether a fragment on `condition` applies to an object.
    pub(super) fn applies(&self, condition: &Name, object: &Name) -> bool {
        condition == object || self.schema.is_subtype(condition, object)
    }

    pub(super) fn get(&self, name: &Name) -> Option<&ExtendedType> {
        self.schema.types.get(name)
    }

    /// Checks a value of a scalar of ours. One without a check accepts everything.
    pub(super) fn check(&self, scalar: &Name, value: &Value) -> Result<(), String> {
        self.scalars.get(scalar.as_str()).map_or(Ok(()), |check| check(value))
    }

    pub(super) fn input_field(&self, ty: &Name, field: &Name) -> Option<&Node<InputValueDefinition>> {
        self.get(ty)?.as_input_object()?.fields.get(field).map(|field| &field.node)
    }
}

/// Hash maps have a random order; plans must not.
fn sorted(mut names: Vec<Name>) -> Vec<Name> {
    names.sort();
    names
}

pub(super) fn nullable(ty: &Type) -> Type {
    ty.clone().nullable()
}
