//! Refuses documents that are too large, before any expensive step.
//!
//! Validation expands fragments: in async-graphql, a document of 985 bytes whose fragments spread each other twice
//! takes 26.9 s. So two passes come first, both linear in the size of the document: [`scan`] counts tokens and brackets
//! before the parser runs, and [`walk`] weighs the parsed document, each fragment once. The planned operation is
//! weighed again for the work of analytics: [`Statistics`]. ADR 4 has the reasons.

mod scan;
mod statistics;
mod walk;

use crate::config::Guard;
use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, Document, FragmentDefinition, OperationDefinition};
use async_graphql::Value;
pub use scan::{check as scan, most_tokens};
pub use statistics::{Statistics, TYPE as STATISTICS};
use std::collections::HashMap;
use std::fmt;
pub use walk::length;

/// The values of an operation's variables, without those that have no value.
pub type Values = HashMap<Name, Value>;

/// The limit that a document exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooComplex {
    pub limit: &'static str,
    pub allowed: u64,
}

impl fmt::Display for TooComplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The query is too complex: more than {} {}.", self.allowed, self.limit)
    }
}

/// Why the guard refuses a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardError {
    TooComplex(TooComplex),
    Cycle(Name),
}

impl From<TooComplex> for GuardError {
    fn from(excess: TooComplex) -> Self {
        Self::TooComplex(excess)
    }
}

/// The operations and fragments of a document.
struct Definitions<'a> {
    operations: Vec<&'a OperationDefinition>,
    /// In the order of the document, so that it is always refused for the same reason.
    fragments: Vec<&'a FragmentDefinition>,
    by_name: HashMap<&'a str, &'a FragmentDefinition>,
}

impl<'a> Definitions<'a> {
    fn of(document: &'a Document) -> Self {
        let mut parts = Self { operations: Vec::new(), fragments: Vec::new(), by_name: HashMap::new() };
        for definition in &document.definitions {
            match definition {
                Definition::OperationDefinition(operation) => parts.operations.push(operation),
                Definition::FragmentDefinition(fragment) => {
                    parts.fragments.push(fragment);
                    // Of several with one name, validation uses the first.
                    parts.by_name.entry(fragment.name.as_str()).or_insert(fragment);
                }
                // Validation refuses other definitions.
                _ => {}
            }
        }
        parts
    }

    fn fragment(&self, name: &str) -> Option<&'a FragmentDefinition> {
        self.by_name.get(name).copied()
    }
}

/// Weighs a whole document, because validation looks at all of it. A list whose length is a variable counts as one
/// value: [`check_operation`] weighs such a document again.
pub fn check(document: &Document, guard: &Guard) -> Result<(), GuardError> {
    walk::check(&Definitions::of(document), guard)
}

/// Weighs an operation with the values of its variables.
pub fn check_operation(
    document: &Document,
    name: Option<&str>,
    values: &Values,
    guard: &Guard,
) -> Result<(), GuardError> {
    let parts = Definitions::of(document);
    let chosen = |operation: &&&OperationDefinition| operation.name.as_ref().map(Name::as_str) == name;
    match parts.operations.iter().find(chosen) {
        Some(operation) => walk::check_operation(&parts, operation, values, guard),
        None => Ok(()),
    }
}

/// Whether a variable gives the length of a list.
pub fn depends_on_variables(document: &Document) -> bool {
    let parts = Definitions::of(document);
    let sets = parts.operations.iter().map(|operation| &operation.selection_set);
    let sets = sets.chain(parts.fragments.iter().map(|fragment| &fragment.selection_set));
    sets.into_iter().any(|set| walk::has_variable_length(set))
}

#[cfg(test)]
mod tests;
