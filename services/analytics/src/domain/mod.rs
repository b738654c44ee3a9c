//! What analytics knows without asking anybody: windows, series, facets, agents, repeats. No I/O.

pub mod agent;
pub mod click;
pub mod csv;
pub mod facet;
pub mod series;
pub mod watermark;
pub mod window;

/// The longest short code, in bytes.
const LONGEST_CODE: usize = 32;

/// Whether text can be a short code at all. What cannot is never asked of the database: the text of a query has a limit.
pub fn is_code(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(is_allowed)
}

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
