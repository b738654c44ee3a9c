//! What can go wrong in a use case, and what the client is told of it.

use chassis::http::Failure;
use contracts::{money::Money, problem::Code};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such payment, or it is another's.
    #[error("there is no such payment")]
    NotFound,
    /// The payment is not captured, or is being undone.
    #[error("the payment is not in a state to be refunded")]
    NotRefundable,
    /// More than is left of the payment, refunds under way counted.
    #[error("more than the {left} that are left")]
    TooMuch {
        /// What is left.
        left: Money,
    },
    /// The amount is of another currency than the payment.
    #[error("another currency")]
    OtherCurrency,
    /// The idempotency key was used with another request.
    #[error("the key was used with another request")]
    IdempotencyMismatch,
    /// The webhook is not signed by the provider.
    #[error("the signature is not the provider's")]
    BadSignature,
    /// The webhook was signed too long ago, or in the future.
    #[error("the signature is too old")]
    TooOld,
    /// The webhook is signed, and cannot be read.
    #[error("the webhook cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(Code::NotFound, "There is no such payment."),
            Error::NotRefundable => {
                Self::new(Code::Conflict, "Only a captured payment that is not being undone can be refunded.")
            }
            Error::TooMuch { left } => {
                Self::new(Code::Conflict, format!("Of this payment {left} are left, refunds under way counted."))
            }
            Error::OtherCurrency => Self::field("amount.currency", "must be the payment's"),
            Error::IdempotencyMismatch => {
                Self::new(Code::IdempotencyMismatch, "This Idempotency-Key came before, with another request.")
            }
            Error::BadSignature => Self::new(Code::Unauthenticated, "The signature is not the provider's."),
            Error::TooOld => Self::field("Provider-Signature", "is too old, or of the future"),
            Error::Unreadable(cause) => {
                Self::new(Code::MalformedRequest, "This is not an event of the provider.").caused_by(cause)
            }
            Error::Store(cause) => postgres::failure(cause),
        }
    }
}
