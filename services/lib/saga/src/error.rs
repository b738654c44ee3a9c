//! What can go wrong with a saga, and what an operator is told of it.

use crate::machine::Refusal;
use chassis::http;
use contracts::command::Direction;
use contracts::problem::Code;
use postgres::is_away;

/// Why a saga could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such saga.
    #[error("there is no such saga")]
    NotFound,
    /// Its state does not allow this.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// A local step failed: everything is to be rolled back.
    #[error("the local step {} failed: {:#}", .0.name, .0.error)]
    StepFailed(StepFailure),
    /// The answer to a command is not the one that its step expects.
    #[error(transparent)]
    Answer(anyhow::Error),
    /// Something that must not happen.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

/// A local step that failed.
#[derive(Debug)]
pub struct StepFailure {
    pub(crate) step: usize,
    pub(crate) direction: Direction,
    pub(crate) name: &'static str,
    pub(crate) error: anyhow::Error,
}

impl StepFailure {
    /// Whether trying again at once may help: the database was away or in the way.
    pub(crate) fn is_passing(&self) -> bool {
        self.error.chain().filter_map(|cause| cause.downcast_ref::<sqlx::Error>()).any(is_away)
    }
}

impl From<Error> for http::Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(Code::NotFound, "There is no such saga."),
            Error::Refused(refusal) => Self::new(Code::Conflict, format!("Not now: {refusal}.")),
            error => postgres::failure(error),
        }
    }
}
