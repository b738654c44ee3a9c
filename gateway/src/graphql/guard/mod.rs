//! Refuses documents that are too large before anything expensive looks at them.
//!
//! async-graphql's own limits are checked during validation, which expands fragments again and again: a document of
//! 985 bytes, in which each fragment spreads the next one twice, keeps it busy for 26.9 s. Here two passes, both
//! linear in the size of the document, come first: [`scan`] counts tokens and brackets before the parser runs, and
//! [`walk`] weighs the parsed document, each fragment once; [`statistics`] adds what analytics has to count. `docs/adr/0004-linear-query-guard.md` has the reasons.

mod scan;
mod statistics;
mod walk;

use async_graphql::Variables;
use async_graphql::parser::types::ExecutableDocument;
use contracts::problem::Code;

use crate::config::Guard;
use crate::metrics;

/// Why a document is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is larger than allowed.
    TooComplex {
        /// Which limit it breaks.
        limit: &'static str,
        /// How much is allowed.
        allowed: u64,
    },
    /// It is not a GraphQL document.
    Malformed(String),
    /// A fragment contains itself.
    Cycle(String),
}

impl Refused {
    /// Returns the code that clients are told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::TooComplex { .. } => Code::QueryTooComplex,
            Self::Malformed(_) => Code::MalformedRequest,
            Self::Cycle(_) => Code::ValidationFailed,
        }
    }

    /// Returns what clients are told in words.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::TooComplex { limit, allowed } => format!("The query is too complex: more than {allowed} {limit}."),
            Self::Malformed(message) => message.clone(),
            Self::Cycle(fragment) => format!("The fragment {fragment} contains itself."),
        }
    }
}

/// Parses a document that is small enough to be validated and executed.
///
/// # Errors
/// Refuses what is too large, cannot be parsed, or contains itself.
pub fn parse(query: &str, variables: &Variables, guard: &Guard) -> Result<ExecutableDocument, Refused> {
    let document = scan::check(query, guard).and_then(|()| {
        let parsed = async_graphql::parser::parse_query(query);
        let document = parsed.map_err(|error| Refused::Malformed(error.to_string()))?;
        walk::check(&document, variables, guard)?;
        statistics::check(&document, variables, guard)?;
        Ok(document)
    });
    if let Err(Refused::TooComplex { limit, .. }) = &document {
        metrics::refused_query(limit);
    }
    document
}

#[cfg(test)]
mod tests;
