//! Validation and planning, in front of the executor.
//!
//! async-graphql executes some invalid documents, resolves a field twice that two fragments select, returns null for an
//! empty selection, and orders fields by completion. So it never gets a client's document. A [`Planner`] parses, weighs
//! and validates each distinct text once, with apollo-compiler and our SDL ([`document`], [`rules`]). For each request
//! it coerces the variables ([`coerce`]) and makes a document in which everything is decided ([`select`]). Results are
//! completed ([`finish`]).
//!
//! An [`Executor`] gives its schema only plans, so the schema itself validates nothing (`ValidationMode::Fast`). ADR 21
//! has the reasons.

mod coerce;
mod document;
mod error;
mod executor;
mod finish;
mod line_index;
mod literal;
mod rules;
mod select;
#[cfg(test)]
mod tests;
mod types;

use super::guard::{self, Statistics, Values};
use crate::config::Guard;
use async_graphql::parser::types::{
    BaseType, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Type, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, Variables};
use document::Document;
pub use error::{Fault, PlanError};
pub use executor::Executor;
use select::{Select, Shape};
use std::sync::Arc;
pub use types::ScalarCheck;
use types::Types;

/// The memory for documents, in bytes.
const KEPT: u64 = 64 * 1024 * 1024;
/// The largest document that is kept, in bytes of memory. Larger ones are parsed each time.
const LARGEST: usize = 2 * 1024 * 1024;
/// The memory for refused texts, in bytes.
const REFUSED: u64 = 1024 * 1024;
/// The longest refused text that is kept, in bytes.
const LARGEST_REFUSED: usize = 16 * 1024;
/// A plan may have this many times `guard.fields`, because each type of an interface gets its own fields.
const OBJECTS: u64 = 10;

/// Makes plans for the requests of one schema.
pub struct Planner {
    types: Types,
    guard: Guard,
    introspection: bool,
    /// Valid documents by their text. Documents that come once do not displace those that come often.
    documents: TextCache<Arc<Document>>,
    /// Texts that are refused for any variables. A cache of their own, so that they displace no valid document.
    refused: TextCache<PlanError>,
}

/// A cache by text, which prefers frequent entries (TinyLFU).
type TextCache<V> = moka::sync::Cache<Arc<str>, V>;

/// Creates a cache of so many bytes. `size` returns the bytes of a value.
fn text_cache<V: Clone + Send + Sync + 'static>(bytes: u64, size: fn(&V) -> usize) -> TextCache<V> {
    let weigh = move |text: &Arc<str>, value: &V| u32::try_from(text.len() + size(value)).unwrap_or(u32::MAX);
    moka::sync::Cache::builder().max_capacity(bytes).weigher(weigh).build()
}

/// One operation, ready to be executed.
#[derive(Debug)]
pub struct Plan {
    kind: OperationType,
    roots: Vec<Name>,
    document: ExecutableDocument,
    variables: Variables,
    shape: Shape,
}

impl Planner {
    /// Reads a schema. `scalars` has the checks of its own scalars.
    pub fn new(
        sdl: &str,
        scalars: &[(&'static str, ScalarCheck)],
        guard: Guard,
        introspection: bool,
    ) -> anyhow::Result<Self> {
        let types = Types::parse(sdl, scalars)?;
        let documents = text_cache(KEPT, |document: &Arc<Document>| document.bytes());
        Ok(Self { types, guard, introspection, documents, refused: text_cache(REFUSED, PlanError::bytes) })
    }

    /// Plans the named operation of a document, or its only one.
    pub fn plan(&self, text: &str, operation: Option<&str>, variables: &Variables) -> Result<Plan, PlanError> {
        let document = self.document(text)?;
        let operation = document.executable.operations.get(operation).map_err(|_| unknown(operation))?;
        let values = coerce::variables(&self.types, &document, operation, variables)?;
        if let Some(weighed) = &document.weighed {
            let name = operation.name.as_ref().map(apollo_compiler::Name::as_str);
            match guard::check_operation(weighed, name, &values, &self.guard) {
                Err(guard::GuardError::TooComplex(excess)) => return Err(excess.into()),
                // Cycles were refused with the document.
                Ok(()) | Err(guard::GuardError::Cycle(_)) => {}
            }
        }
        let allowed = self.guard.fields.saturating_mul(OBJECTS);
        let mut select = Select {
            types: &self.types,
            document: &document,
            values: &values,
            introspection: self.introspection,
            left: allowed,
            allowed,
            values_here: 1,
            statistics: Statistics::within(&self.guard, &values),
        };
        let root = operation.object_type();
        let (selection_set, shape) = select.set(root, &[&operation.selection_set], 0)?;
        let kind = kind(operation.operation_type);
        let position = document.position(operation.location());
        Ok(Plan::new(kind, selection_set, shape, values, position))
    }

    /// Returns the document of a text, from the cache if possible.
    fn document(&self, text: &str) -> Result<Arc<Document>, PlanError> {
        if let Some(document) = self.documents.get(text) {
            return Ok(document);
        }
        if let Some(error) = self.refused.get(text) {
            return Err(error);
        }
        let document = match Document::parse(text, &self.types, &self.guard) {
            Ok(document) => Arc::new(document),
            Err(error) => {
                if text.len() <= LARGEST_REFUSED {
                    self.refused.insert(text.into(), error.clone());
                }
                return Err(error);
            }
        };
        if document.bytes() <= LARGEST {
            self.documents.insert(text.into(), document.clone());
        }
        Ok(document)
    }
}

impl Plan {
    fn new(
        kind: OperationType,
        selection_set: async_graphql::parser::types::SelectionSet,
        shape: Shape,
        values: Values,
        position: Pos,
    ) -> Self {
        let at = |name: &str| Positioned::new(Name::new(name), position);
        // The executor needs only their names, because they are coerced.
        let declared = |name: &apollo_compiler::Name| VariableDefinition {
            name: at(name),
            var_type: Positioned::new(Type { base: BaseType::Named(Name::new("Any")), nullable: true }, position),
            directives: Vec::new(),
            default_value: None,
        };
        let declared = values.keys().map(|name| Positioned::new(declared(name), position)).collect();
        let operation = OperationDefinition {
            ty: kind,
            variable_definitions: declared,
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, position),
        };
        let operations = DocumentOperations::Single(Positioned::new(operation, position));
        let roots = match &shape {
            Shape::One(slots) => slots.iter().map(|slot| Name::new(&slot.definition.name)).collect(),
            Shape::ByType(_) => Vec::new(),
        };
        let mut variables = Variables::default();
        variables.extend(values.into_iter().map(|(name, value)| (Name::new(name), value)));
        Self {
            kind,
            roots,
            document: ExecutableDocument { operations, fragments: Default::default() },
            variables,
            shape,
        }
    }

    pub const fn kind(&self) -> OperationType {
        self.kind
    }

    /// Returns the names of the root fields in the schema.
    pub fn root_fields(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(Name::as_str)
    }
}

fn unknown(operation: Option<&str>) -> PlanError {
    let message = match operation {
        Some(name) => format!("The document has no operation {name}."),
        None => "The document has several operations. Name one of them in operationName.".to_owned(),
    };
    Fault::new(message, None).into()
}

const fn kind(kind: apollo_compiler::ast::OperationType) -> OperationType {
    use apollo_compiler::ast::OperationType as Parsed;
    match kind {
        Parsed::Query => OperationType::Query,
        Parsed::Mutation => OperationType::Mutation,
        Parsed::Subscription => OperationType::Subscription,
    }
}
