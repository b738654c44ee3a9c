//! What analytics knows without asking anybody: windows, series, facets, agents, repeats. No I/O.

pub mod agent;
pub mod click;
pub mod csv;
pub mod facet;
pub mod series;
pub mod watermark;
pub mod window;

/// A field of a request that is not acceptable, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The field's name, relative to what was parsed.
    pub field: String,
    /// What is wrong, for a person.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}
