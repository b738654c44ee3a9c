//! The pass in front of the executor.
//!
//! async-graphql executes a valid document well, but takes some that are not valid, runs a field again that two
//! fragments select, says null for an object of which nothing is told, and tells fields as they come. So it gets no
//! document of a client's: a [`Planner`] parses and validates each distinct text once with apollo-compiler against our
//! own SDL ([`document`], [`rules`]), behind the guard; for each request it coerces the variables ([`coerce`]) and makes
//! a document of its own, in which everything is decided ([`select`]). What comes back is put in order ([`finish`]).
//!
//! An [`Executor`] holds a schema and gives it only what was planned: no entry can go round the pass, and the schema
//! itself validates nothing (`ValidationMode::Fast`). `docs/adr/0021-a-plan-for-every-graphql-request.md` has the reasons.

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

use std::sync::Arc;

use async_graphql::parser::types::{BaseType, Type};
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, VariableDefinition,
};
use async_graphql::{Name, Pos, Positioned, Variables};

use super::guard::{self, Statistics, Values};
use crate::config::Guard;
use document::Document;
use select::{Select, Shape};
use types::Types;

pub use error::{Fault, PlanError};
pub use executor::Executor;
pub use types::ScalarCheck;

/// How much memory documents are kept in, in bytes.
const KEPT: u64 = 64 * 1024 * 1024;
/// The largest document that is kept, in bytes of memory: one that takes more is parsed again each time.
const LARGEST: usize = 2 * 1024 * 1024;
/// How much memory refused texts are kept in, in bytes.
const REFUSED: u64 = 1024 * 1024;
/// The longest text that is kept as refused, in bytes.
const LARGEST_REFUSED: usize = 16 * 1024;
/// A plan may have this many times `guard.fields`: below an interface each type gets its own copy of the fields.
const OBJECTS: u64 = 10;

/// Makes plans for the requests of one schema.
pub struct Planner {
    types: Types,
    guard: Guard,
    introspection: bool,
    /// Valid documents by their text. What one client sends once does not drive out what is asked for again and again.
    documents: TextCache<Arc<Document>>,
    /// Texts that are refused whatever their variables, and why: what a broken client sends again and again. A cache of
    /// its own, so that nonsense drives out nothing that is valid.
    refused: TextCache<PlanError>,
}

/// A cache by text. It prefers what comes often (TinyLFU).
type TextCache<V> = moka::sync::Cache<Arc<str>, V>;

/// Creates a cache of so many bytes; `size` tells how many a value takes beside its text.
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
    /// What an answer must look like.
    shape: Shape,
}

impl Planner {
    /// Reads a schema. `scalars` says which values its own scalars take.
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

    /// Plans the operation of a document that is named, or its only one.
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

    /// The document of a text, from memory if it came before.
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
        // The executor only looks for their names: they are coerced.
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

    /// The names of the fields at the top, as the schema calls them.
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
