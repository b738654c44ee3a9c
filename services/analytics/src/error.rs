//! What the store's errors mean to a client.

use crate::domain::Refusal;
use crate::store::StoreError;
use chassis::http::Failure;
use contracts::field_errors::FieldErrors;
use contracts::problem::Code;
use std::time::Duration;

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                Failure::unavailable("Statistics are not available at the moment: try again.", error)
            }
            StoreError::Busy(_) => Failure::new(
                Code::Overloaded,
                "Too many statistics are asked for at the moment: try again in a few seconds.",
            )
            .retry_after(Duration::from_secs(2))
            .caused_by(error),
            StoreError::Refused(_) => Failure::internal(error),
        }
    }
}

/// Tells which fields are not acceptable; `prefix` is the path to what was parsed.
pub(crate) fn refuse(prefix: &str, refusals: impl IntoIterator<Item = Refusal>) -> Failure {
    let mut fields = FieldErrors::default();
    for Refusal { field, message } in refusals {
        fields.refuse(format!("{prefix}{field}"), message);
    }
    match fields.finish() {
        Err(refused) => refused.into(),
        Ok(()) => Failure::internal(anyhow::anyhow!("a refusal names no field")),
    }
}
