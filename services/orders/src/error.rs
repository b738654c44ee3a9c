//! What can go wrong in a use case, and what the client is told of it.

use crate::domain::order::{Broken, Refused, Unreadable};
use chassis::http::Failure;
use chassis::http::idempotency::KeyRefused;
use chassis::page::InvalidCursor;
use contracts::field_errors::FieldErrors;
use contracts::problem::Code;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("some fields are not acceptable")]
    Refused(FieldErrors),
    /// The cursor is not one of ours.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// There is no such thing, or it is another's.
    #[error("there is no such thing")]
    NotFound,
    #[error("the customer was erased")]
    Erased,
    /// The order stands where this cannot be.
    #[error(transparent)]
    Transition(#[from] Refused),
    /// Somebody else changed the order meanwhile.
    #[error("the order was changed meanwhile")]
    Conflict,
    #[error(transparent)]
    Repeated(#[from] KeyRefused),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// Something that must not happen.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<FieldErrors> for Error {
    fn from(refusals: FieldErrors) -> Self {
        Self::Refused(refusals)
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Internal(broken.into())
    }
}

impl From<Unreadable> for Error {
    fn from(unreadable: Unreadable) -> Self {
        Self::Internal(unreadable.into())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refused) => refused.into(),
            Error::Cursor(refused) => refused.into(),
            Error::NotFound => Self::new(Code::NotFound, "There is no such order or customer among yours."),
            Error::Erased => Self::new(Code::Erased, "The customer's data was erased, which cannot be undone."),
            Error::Transition(refused) => Self::new(Code::Conflict, capitalised(&refused.to_string())),
            Error::Conflict => {
                Self::new(Code::Conflict, "Another request changed the order meanwhile. Read it and try again.")
            }
            Error::Repeated(refused) => refused.into(),
            Error::Store(cause) => postgres::failure(cause),
            Error::Internal(cause) => postgres::failure(cause),
        }
    }
}

/// A sentence out of an error's words.
fn capitalised(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}
