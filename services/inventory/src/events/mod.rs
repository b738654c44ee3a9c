//! What comes over the broker: commands of sagas, and what other services tell.

pub mod commands;
pub mod orders;

use crate::error::Error;
use messaging::HandleError;

/// What no other try would make better is a dead letter at once.
fn fail(error: Error) -> HandleError {
    match error {
        Error::Malformed(_) => HandleError::permanent(error),
        error => HandleError::transient(error),
    }
}
