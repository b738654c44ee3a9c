//! Why a request is not executed.

use super::super::guard::TooComplex;
use async_graphql::Pos;
use contracts::problem::Code;

/// How many faults of a document are reported. A hostile one may have thousands.
pub(super) const MOST_FAULTS: usize = 10;
/// The longest message, in bytes. Messages quote names and values of the client.
const LONGEST: usize = 300;

/// Why there is no plan for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    pub faults: Vec<Fault>,
    kind: ErrorKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub message: String,
    /// The position in the document, if there is one.
    pub location: Option<Pos>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    TooComplex { limit: &'static str },
    Syntax,
    Invalid,
}

impl PlanError {
    pub(super) fn syntax(faults: Vec<Fault>) -> Self {
        Self { faults, kind: ErrorKind::Syntax }
    }

    /// The document is not valid, or variables do not fit it.
    pub(super) fn invalid(faults: Vec<Fault>) -> Self {
        Self { faults, kind: ErrorKind::Invalid }
    }

    pub const fn code(&self) -> Code {
        match self.kind {
            ErrorKind::TooComplex { .. } => Code::QueryTooComplex,
            ErrorKind::Syntax => Code::MalformedRequest,
            ErrorKind::Invalid => Code::ValidationFailed,
        }
    }

    pub const fn limit(&self) -> Option<&'static str> {
        match self.kind {
            ErrorKind::TooComplex { limit } => Some(limit),
            ErrorKind::Syntax | ErrorKind::Invalid => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        // Includes the overhead of a cache entry and of each fault.
        256 + self.faults.iter().map(|fault| 64 + fault.message.len()).sum::<usize>()
    }
}

impl From<Fault> for PlanError {
    fn from(fault: Fault) -> Self {
        Self::invalid(vec![fault])
    }
}

impl From<TooComplex> for PlanError {
    fn from(excess: TooComplex) -> Self {
        Self { faults: vec![Fault::new(excess.to_string(), None)], kind: ErrorKind::TooComplex { limit: excess.limit } }
    }
}

impl Fault {
    pub(super) fn new(message: impl Into<String>, location: Option<Pos>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST {
            let end = (0..=LONGEST).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default();
            message.truncate(end);
            message.push('…');
        }
        Self { message, location }
    }
}
