//! Makes the executor's document, and the shape of its result, of a valid document and coerced variables.

use super::super::guard::{self, Statistics, TooComplex, Values};
use super::document::Document;
use super::error::{Fault, PlanError};
use super::literal;
use super::types::Types;
use apollo_compiler::ast::{Argument, Directive, DirectiveList, FieldDefinition, Value as Literal};
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::{Name, Node};
use async_graphql::indexmap::IndexMap;
use async_graphql::parser::types as executor;
use async_graphql::{Name as Key, Pos, Positioned, Value};
use std::collections::HashSet;

/// The response key of the concrete type of an interface or union. It is not a GraphQL name, so no client can select
/// it.
pub(super) const TYPE: &str = "$type";
const TYPENAME: &str = "__typename";
/// How deep selections may nest: the guard allows less.
const DEEPEST: usize = 128;

/// The fields of an object in the response, in order.
#[derive(Debug)]
pub(super) enum Shape {
    /// The same for every type.
    One(Vec<ShapeField>),
    ByType(Vec<(Key, Vec<ShapeField>)>),
}

#[derive(Debug)]
pub(super) struct ShapeField {
    pub(super) key: Key,
    pub(super) definition: Node<FieldDefinition>,
    /// The shape of its value, for objects.
    pub(super) inside: Option<Shape>,
    pub(super) position: Pos,
}

pub(super) struct Select<'a> {
    pub(super) types: &'a Types,
    pub(super) document: &'a Document,
    pub(super) values: &'a Values,
    pub(super) introspection: bool,
    /// How many more fields may be selected. Below an abstract type, each object has its own.
    pub(super) left: u64,
    pub(super) allowed: u64,
    /// How many values the response may have at the current place.
    pub(super) values_here: u64,
    /// The cost of statistics so far.
    pub(super) statistics: Statistics<'a>,
}

type Fields<'a> = IndexMap<&'a str, Vec<&'a Node<Field>>>;

#[derive(Default)]
struct Collected<'a> {
    fields: Fields<'a>,
    seen: HashSet<&'a str>,
    /// Whether a fragment applies to some types only.
    splits: bool,
}

impl<'a> Select<'a> {
    /// Selects the fields of a value of type `ty`. Refuses selections that are too large, disabled introspection, and
    /// null as the condition of a directive.
    pub(super) fn set(
        &mut self,
        ty: &Name,
        sets: &[&'a SelectionSet],
        depth: usize,
    ) -> Result<(executor::SelectionSet, Shape), PlanError> {
        if depth > DEEPEST {
            return Err(TooComplex { limit: "nested selections", allowed: DEEPEST as u64 }.into());
        }
        let types = self.types;
        let Some(objects) = types.objects_of(ty) else {
            let (set, slots) = self.object(ty, sets, depth)?;
            return Ok((set, Shape::One(slots)));
        };
        let mut collected = Collected::default();
        self.collect(None, ty, sets, &mut collected)?;
        if !collected.splits {
            let (set, slots) = self.fields(collected.fields, depth)?;
            return Ok((set, Shape::One(slots)));
        }
        let (mut items, mut by_type) = (vec![hidden(Some(TYPE))], Vec::new());
        for object in objects {
            let (selection_set, slots) = self.object(object, sets, depth)?;
            by_type.push((Key::new(object), slots));
            let on = executor::TypeCondition { on: here(Key::new(object)) };
            let fragment = executor::InlineFragment {
                type_condition: Some(here(on)),
                directives: Vec::new(),
                selection_set: here(selection_set),
            };
            items.push(here(executor::Selection::InlineFragment(here(fragment))));
        }
        Ok((executor::SelectionSet { items }, Shape::ByType(by_type)))
    }

    fn object(
        &mut self,
        object: &Name,
        sets: &[&'a SelectionSet],
        depth: usize,
    ) -> Result<(executor::SelectionSet, Vec<ShapeField>), PlanError> {
        let mut collected = Collected::default();
        collected.fields.reserve(sets.iter().map(|set| set.selections.len()).sum());
        self.collect(Some(object), object, sets, &mut collected)?;
        self.fields(collected.fields, depth)
    }

    /// Collects fields by response key (GraphQL specification, 6.3.2): of an object, or directly of an abstract type.
    fn collect(
        &self,
        object: Option<&Name>,
        ty: &Name,
        sets: &[&'a SelectionSet],
        into: &mut Collected<'a>,
    ) -> Result<(), PlanError> {
        for selection in sets.iter().flat_map(|set| &set.selections) {
            if !self.is_included(selection.directives())? {
                continue;
            }
            let (condition, inside) = match selection {
                Selection::Field(field) => {
                    into.fields.entry(field.response_key().as_str()).or_default().push(field);
                    continue;
                }
                Selection::InlineFragment(inline) => (inline.type_condition.as_ref(), &inline.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.executable.fragments.get(&spread.fragment_name);
                    let Some(fragment) = fragment.filter(|fragment| into.seen.insert(&fragment.name)) else { continue };
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            match (condition, object) {
                (Some(condition), Some(object)) if !self.types.applies(condition, object) => continue,
                (Some(condition), None) if condition != ty => {
                    into.splits = true;
                    continue;
                }
                _ => {}
            }
            self.collect(object, ty, &[inside], into)?;
        }
        Ok(())
    }

    fn fields(
        &mut self,
        fields: Fields<'a>,
        depth: usize,
    ) -> Result<(executor::SelectionSet, Vec<ShapeField>), PlanError> {
        let (mut items, mut slots) = (Vec::with_capacity(fields.len()), Vec::with_capacity(fields.len()));
        for (key, same) in fields {
            let (field, slot) = self.field(key, &same, depth)?;
            items.push(Positioned::new(executor::Selection::Field(field), slot.position));
            slots.push(slot);
        }
        if items.is_empty() {
            // The executor returns null for an empty selection.
            items.push(hidden(None));
        }
        Ok((executor::SelectionSet { items }, slots))
    }

    /// Merges the fields of one key. Validation has checked that they have the same name and arguments, except the
    /// lengths of lists.
    fn field(
        &mut self,
        key: &str,
        same: &[&'a Node<Field>],
        depth: usize,
    ) -> Result<(Positioned<executor::Field>, ShapeField), PlanError> {
        let field = same[0];
        let position = self.document.position(field.location());
        self.left = self.left.checked_sub(1).ok_or(TooComplex { limit: "fields", allowed: self.allowed })?;
        if !self.introspection && matches!(field.name.as_str(), "__schema" | "__type") {
            return Err(Fault::new("Introspection is disabled.", Some(position)).into());
        }
        if same.iter().any(|other| !has_same_lengths(field, other)) {
            let message = format!("The fields {key} have different arguments.");
            return Err(Fault::new(message, Some(position)).into());
        }
        let (selection_set, inside) = self.inside(field, same, depth)?;
        let at = |name: &str| Positioned::new(Key::new(name), position);
        let merged = executor::Field {
            alias: field.alias.as_ref().map(|alias| at(alias)),
            name: at(&field.name),
            arguments: self.arguments(field),
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, position),
        };
        if field.definition.ty.inner_named_type() == guard::STATISTICS {
            self.statistics.add(&merged, self.values_here)?;
        }
        let slot = ShapeField { key: Key::new(key), definition: field.definition.clone(), inside, position };
        Ok((Positioned::new(merged, position), slot))
    }

    /// Selects the fields inside a field; `None` for leaves.
    fn inside(
        &mut self,
        field: &Field,
        same: &[&'a Node<Field>],
        depth: usize,
    ) -> Result<(executor::SelectionSet, Option<Shape>), PlanError> {
        let sets: Vec<_> = same.iter().map(|field| &field.selection_set).collect();
        if sets.iter().all(|set| set.selections.is_empty()) {
            return Ok((executor::SelectionSet::default(), None));
        }
        let outside = self.values_here;
        let length = guard::length(&field.name, &field.arguments, Some(self.values));
        self.values_here = outside.saturating_mul(length);
        let (set, shape) = self.set(field.definition.ty.inner_named_type(), &sets, depth + 1)?;
        self.values_here = outside;
        Ok((set, Some(shape)))
    }

    fn arguments(&self, field: &Field) -> Vec<(Positioned<Key>, Positioned<async_graphql_value::Value>)> {
        let read = |argument: &Node<Argument>| {
            let definition = field.definition.argument_by_name(&argument.name)?;
            let value = literal::read(self.types, &definition.ty, &argument.value, self.values)?;
            let position = self.document.position(argument.value.location());
            Some((Positioned::new(Key::new(&argument.name), position), Positioned::new(value, position)))
        };
        field.arguments.iter().filter_map(read).collect()
    }

    /// Evaluates `@skip` and `@include`.
    fn is_included(&self, directives: &DirectiveList) -> Result<bool, PlanError> {
        for directive in directives.iter() {
            let wanted = match directive.name.as_str() {
                "skip" => false,
                "include" => true,
                _ => continue,
            };
            if self.condition(directive)? != wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn condition(&self, directive: &Node<Directive>) -> Result<bool, PlanError> {
        let literal = directive.specified_argument_by_name("if").map(|value| &**value);
        let value = match literal {
            Some(Literal::Boolean(value)) => Some(*value),
            Some(Literal::Variable(name)) => match self.values.get(name) {
                Some(Value::Boolean(value)) => Some(*value),
                _ => None,
            },
            _ => None,
        };
        value.ok_or_else(|| {
            let message = format!("The condition of @{} must be true or false.", directive.name);
            Fault::new(message, Some(self.document.position(directive.location()))).into()
        })
    }
}

/// Whether lists in the otherwise equal arguments of two fields have the same lengths. apollo-compiler 1.33 ignores the
/// rest of a longer list.
fn has_same_lengths(one: &Field, other: &Field) -> bool {
    one.arguments.iter().all(|argument| {
        let same = other.arguments.iter().find(|other| other.name == argument.name);
        same.is_none_or(|same| same_lengths(&argument.value, &same.value))
    })
}

fn same_lengths(one: &Literal, other: &Literal) -> bool {
    match (one, other) {
        (Literal::List(one), Literal::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_lengths(one, other))
        }
        (Literal::Object(one), Literal::Object(other)) => one.iter().all(|(name, value)| {
            let same = other.iter().find(|(other, _)| other == name);
            same.is_none_or(|(_, same)| same_lengths(value, same))
        }),
        _ => true,
    }
}

/// Selects the type, although the client did not.
fn hidden(alias: Option<&str>) -> Positioned<executor::Selection> {
    let field = executor::Field {
        alias: alias.map(|alias| here(Key::new(alias))),
        name: here(Key::new(TYPENAME)),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: here(executor::SelectionSet::default()),
    };
    here(executor::Selection::Field(here(field)))
}

/// Wraps a node of ours, which has no position in the document.
fn here<T>(node: T) -> Positioned<T> {
    Positioned::new(node, Pos::default())
}
