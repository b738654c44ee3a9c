//! What can go wrong in a use case, and what the client is told of it.

use chassis::http::Failure;
use chassis::http::idempotency::KeyRefused;
use contracts::money::Money;
use contracts::problem::Code;

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
    TooMuch { left: Money },
    /// The amount is of another currency than the payment.
    #[error("another currency")]
    OtherCurrency,
    #[error(transparent)]
    Repeated(#[from] KeyRefused),
    /// The webhook is not signed by the provider.
    #[error("the signature is not the provider's")]
    BadSignature,
    /// The webhook was signed too long ago, or in the future.
    #[error("the signature is too old")]
    TooOld,
    /// The webhook is signed, and cannot be read.
    #[error("the webhook cannot be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// What is kept in JSON is not what it should be.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound => Self::new(Code::NotFound, "There is no such payment."),
            Error::NotRefundable => {
                Self::new(Code::Conflict, "Only a captured payment that is not being undone can be refunded.")
            }
            Error::TooMuch { left } => Self::new(
                Code::Conflict,
                format!("At most {left} can be refunded: the rest was refunded, or is being refunded."),
            ),
            Error::OtherCurrency => Self::field("amount.currency", "must be the currency of the payment"),
            Error::Repeated(refused) => refused.into(),
            Error::BadSignature => {
                Self::new(Code::Unauthenticated, "The signature does not match. Sign the body with the shared secret.")
            }
            Error::TooOld => Self::field("Provider-Signature", "must be of the last minutes: sign again"),
            Error::Unreadable(cause) => {
                Self::new(Code::MalformedRequest, "The body is not an event of the provider.").caused_by(cause)
            }
            Error::Store(cause) => postgres::failure(cause),
            Error::Json(cause) => Self::internal(cause),
        }
    }
}
