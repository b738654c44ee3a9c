//! Refuses documents that are too large before anything expensive looks at them.
//!
//! Validation expands fragments: in async-graphql's own one a document of 985 bytes, in which each fragment spreads the
//! next one twice, takes 26.9 s; apollo-compiler's is better, but looks at every fragment again for each operation.
//! Here two passes, both linear in the size of the document, come first: [`scan`] counts tokens and brackets before the
//! parser runs, and [`walk`] weighs the parsed document, each fragment once. What is to be executed is weighed once more,
//! with its fields merged and its variables known, for what analytics has to count: [`Statistics`]. `docs/adr/0004-linear-query-guard.md` has the reasons.

mod scan;
mod statistics;
mod walk;

use std::collections::HashMap;
use std::fmt;

use apollo_compiler::Name;
use apollo_compiler::ast::{Definition, Document, FragmentDefinition, OperationDefinition};
use async_graphql::Value;

use crate::config::Guard;

pub use scan::{check as scan, most_tokens};
pub use statistics::{Statistics, TYPE as STATISTICS};
pub use walk::length;

/// The values of an operation's variables. One that has no value is not in it.
pub type Values = HashMap<Name, Value>;

/// Which limit a document breaks.
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

/// Why a document is not looked at any further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GuardError {
    TooComplex(TooComplex),
    /// A fragment contains itself.
    Cycle(Name),
}

impl From<TooComplex> for GuardError {
    fn from(excess: TooComplex) -> Self {
        Self::TooComplex(excess)
    }
}

/// A document as the guard looks at it.
struct Definitions<'a> {
    operations: Vec<&'a OperationDefinition>,
    /// In the order in which they are written: a document must always be refused for the same reason.
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
                    // The first of several is the one that validation looks at.
                    parts.by_name.entry(fragment.name.as_str()).or_insert(fragment);
                }
                // Validation refuses the rest without looking into it.
                _ => {}
            }
        }
        parts
    }

    fn fragment(&self, name: &str) -> Option<&'a FragmentDefinition> {
        self.by_name.get(name).copied()
    }
}

/// Weighs everything in a document: validation looks at all of it, whichever operation is executed. A list whose length
/// is a variable counts as one value; such a document is to be weighed again by [`check_operation`].
pub fn check(document: &Document, guard: &Guard) -> Result<(), GuardError> {
    walk::check(&Definitions::of(document), guard)
}

/// Weighs an operation with its variables.
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

/// Whether the length of some list is a variable.
pub fn depends_on_variables(document: &Document) -> bool {
    let parts = Definitions::of(document);
    let sets = parts.operations.iter().map(|operation| &operation.selection_set);
    let sets = sets.chain(parts.fragments.iter().map(|fragment| &fragment.selection_set));
    sets.into_iter().any(|set| walk::has_variable_length(set))
}

#[cfg(test)]
mod tests;
