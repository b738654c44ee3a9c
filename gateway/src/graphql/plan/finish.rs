//! Completes results of the executor (GraphQL specification, 6.4.4): fields get the order of the selection, failed
//! fields become null, and a null of a non-null type moves to the nearest nullable parent.

use super::select::{Shape, ShapeField, TYPE};
use apollo_compiler::ast::Type;
use async_graphql::indexmap::IndexMap;
use async_graphql::{ErrorExtensionValues, Name, PathSegment, ServerError, Value};
use contracts::problem::Code;
use std::collections::HashMap;

/// Completes the data of one result, which is null if a non-null root field failed.
pub(super) fn finish(shape: &Shape, data: Value, errors: &mut Vec<ServerError>) -> Value {
    let failed = ErrorPaths::of(errors);
    let mut finish = Finish { path: Vec::new(), missing: Vec::new() };
    let data = finish.object(shape, fields_of(data), Some(&failed)).unwrap_or_default();
    let missing = finish.missing;
    errors.extend(missing);
    data
}

/// The executor returns null for an object all of whose fields failed.
fn fields_of(value: Value) -> Fields {
    if let Value::Object(fields) = value { fields } else { Fields::new() }
}

type Fields = IndexMap<Name, Value>;

/// The paths of errors, as a tree.
#[derive(Default)]
struct ErrorPaths<'e> {
    below: HashMap<Segment<'e>, Self>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Segment<'e> {
    Key(&'e str),
    Index(usize),
}

impl<'e> ErrorPaths<'e> {
    fn of(errors: &'e [ServerError]) -> Self {
        let mut root = Self::default();
        for error in errors {
            let mut node = &mut root;
            for segment in &error.path {
                let segment = match segment {
                    PathSegment::Field(name) => Segment::Key(name),
                    PathSegment::Index(index) => Segment::Index(*index),
                };
                node = node.below.entry(segment).or_default();
            }
        }
        root
    }
}

struct Finish<'s> {
    path: Vec<Segment<'s>>,
    /// Errors for non-null fields that are null without an error.
    missing: Vec<ServerError>,
}

impl<'s> Finish<'s> {
    /// Completes an object; `None` if a non-null field is null.
    fn object(&mut self, shape: &'s Shape, mut fields: Fields, failed: Option<&ErrorPaths<'_>>) -> Option<Value> {
        let slots = match shape {
            Shape::One(slots) => slots.as_slice(),
            Shape::ByType(by_type) => {
                let Some(Value::String(ty)) = fields.get(TYPE) else { return None };
                by_type.iter().find(|(name, _)| name == ty).map_or(&[][..], |(_, slots)| slots)
            }
        };
        if fields.len() == slots.len() && fields.keys().zip(slots).all(|(key, slot)| *key == slot.key) {
            // The usual case: the order is right already.
            for (slot, value) in slots.iter().zip(fields.values_mut()) {
                *value = self.slot(slot, Some(std::mem::take(value)), failed)?;
            }
            return Some(Value::Object(fields));
        }
        let mut ordered = Fields::with_capacity(slots.len());
        for slot in slots {
            let value = fields.swap_remove(&slot.key);
            ordered.insert(slot.key.clone(), self.slot(slot, value, failed)?);
        }
        Some(Value::Object(ordered))
    }

    fn slot(&mut self, slot: &'s ShapeField, value: Option<Value>, failed: Option<&ErrorPaths<'_>>) -> Option<Value> {
        self.path.push(Segment::Key(&slot.key));
        let failed = failed.and_then(|failed| failed.below.get(&Segment::Key(&slot.key)));
        let value = self.value(slot, &slot.definition.ty, value, failed);
        self.path.pop();
        value
    }

    /// Completes a value; `None` if it is null and must not be. Absent values have failed.
    fn value(
        &mut self,
        slot: &'s ShapeField,
        ty: &Type,
        value: Option<Value>,
        failed: Option<&ErrorPaths<'_>>,
    ) -> Option<Value> {
        let completed = match (value, &slot.inside) {
            (Some(Value::List(items)), _) if ty.is_list() => self.list(slot, ty.item_type(), items, failed),
            (Some(Value::Object(fields)), Some(shape)) => self.object(shape, fields, failed),
            // All fields of the object failed, but not the object itself.
            (Some(Value::Null), Some(shape))
                if ty.is_named() && failed.is_some_and(|failed| !failed.below.is_empty()) =>
            {
                self.object(shape, Fields::new(), failed)
            }
            (None | Some(Value::Null), _) => {
                if ty.is_non_null() && failed.is_none() {
                    self.miss(slot);
                }
                None
            }
            (Some(leaf), _) => Some(leaf),
        };
        match completed {
            None if !ty.is_non_null() => Some(Value::Null),
            completed => completed,
        }
    }

    fn list(
        &mut self,
        slot: &'s ShapeField,
        item: &Type,
        items: Vec<Value>,
        failed: Option<&ErrorPaths<'_>>,
    ) -> Option<Value> {
        let mut completed = Vec::with_capacity(items.len());
        for (index, value) in items.into_iter().enumerate() {
            self.path.push(Segment::Index(index));
            let failed = failed.and_then(|failed| failed.below.get(&Segment::Index(index)));
            let value = self.value(slot, item, Some(value), failed);
            self.path.pop();
            completed.push(value?);
        }
        Some(Value::List(completed))
    }

    /// Adds an error for a non-null field that is null without one.
    fn miss(&mut self, slot: &ShapeField) {
        let mut error = ServerError::new("The field cannot be null, but it has no value.", Some(slot.position));
        let path = self.path.iter().map(|segment| match segment {
            Segment::Key(name) => PathSegment::Field((*name).to_owned()),
            Segment::Index(index) => PathSegment::Index(*index),
        });
        error.path = path.collect();
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", Code::Internal.as_str());
        error.extensions = Some(extensions);
        self.missing.push(error);
    }
}
