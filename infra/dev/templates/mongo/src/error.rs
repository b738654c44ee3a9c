//! What can go wrong in a use case, and what the client is told of it.

use chassis::http::Failure;
use contracts::problem::Code;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such note, or it is another user's.
    #[error("there is no such note")]
    UnknownNote,
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] mongodb::error::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownNote => Self::new(Code::NotFound, "There is no such note."),
            Error::Store(cause) => mongo::failure(cause),
        }
    }
}
