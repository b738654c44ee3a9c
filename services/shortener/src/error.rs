//! What can go wrong, and how clients are told.

use chassis::http::Failure;
use chassis::http::idempotency::KeyRefused;
use chassis::page::InvalidCursor;
use contracts::field_errors::FieldErrors;
use contracts::problem::Code;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields are not acceptable.
    #[error("some fields are not acceptable")]
    Refused(FieldErrors),
    /// The cursor is not one of ours.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The code exists or existed.
    #[error("the code is taken")]
    CodeTaken,
    /// There is no such link, or it is another's.
    #[error("there is no such link")]
    NotFound,
    /// It is not in the version any more that the caller named.
    #[error("it was changed meanwhile")]
    Conflict,
    /// The owner's account is being deleted.
    #[error("the account is being deleted")]
    Leaving,
    #[error(transparent)]
    Repeated(#[from] KeyRefused),
    /// MongoDB failed.
    #[error("the store failed: {0}")]
    Store(#[from] mongodb::error::Error),
    /// Something that cannot be.
    #[error("{0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    /// The problem's fields, each with `prefix` before its name.
    pub fn into_failure(self, prefix: &str) -> Failure {
        match self {
            Self::Refused(refused) => refused.within(prefix).into(),
            Self::Cursor(refused) => refused.into(),
            Self::CodeTaken => Failure::new(Code::CodeTaken, "A link has or had this code. Choose another."),
            Self::NotFound => Failure::new(Code::NotFound, "You have no link with this code."),
            Self::Conflict => Failure::new(Code::Conflict, "The link was changed meanwhile. Read it again."),
            Self::Leaving => {
                Failure::new(Code::Conflict, "Your account is being deleted: you cannot create links any more.")
            }
            Self::Repeated(refused) => refused.into(),
            Self::Store(cause) => mongo::failure(cause),
            Self::Internal(cause) => mongo::failure(cause),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        error.into_failure("")
    }
}
