//! What can go wrong in a use case, and what the client is told of it.

use crate::domain::StockError;
use chassis::http::Failure;
use chassis::http::idempotency::KeyRefused;
use chassis::page::InvalidCursor;
use contracts::problem::Code;
use contracts::rest::inventory::ReservationStatus;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such product, or the caller may not see it.
    #[error("there is no such product")]
    UnknownProduct,
    #[error("there is no such reservation")]
    UnknownReservation,
    /// The reservation stands elsewhere: nobody needs to see to it.
    #[error("the reservation is {}, not short", .0.into_str())]
    NotShort(ReservationStatus),
    /// There still are too few pieces.
    #[error("too few pieces are there")]
    StillShort,
    /// Another product has this SKU.
    #[error("the SKU is taken")]
    SkuTaken,
    /// A field is not acceptable.
    #[error("{field} {message}")]
    Field {
        field: &'static str,
        /// What is wrong with it, for a person.
        message: String,
    },
    /// The cursor is not one of ours.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The stock does not allow it.
    #[error(transparent)]
    Stock(#[from] StockError),
    #[error(transparent)]
    Repeated(#[from] KeyRefused),
    /// A command that no sender of ours makes.
    #[error("the command is malformed: {0}")]
    Malformed(&'static str),
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// Something that must not happen.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownProduct => Self::new(Code::NotFound, "There is no such product."),
            Error::UnknownReservation => Self::new(Code::NotFound, "There is no such reservation."),
            Error::NotShort(status) => Self::new(
                Code::Conflict,
                format!("The reservation is {}: only a short one needs this.", status.into_str()),
            ),
            Error::StillShort => Self::new(Code::Conflict, "There are too few pieces: restock, or cancel the order."),
            Error::SkuTaken => Self::new(Code::SkuTaken, "Another product has this SKU. Choose another one."),
            Error::Field { field, message } => Self::field(field, message),
            Error::Cursor(refused) => refused.into(),
            Error::Stock(cause @ (StockError::NotEnough { .. } | StockError::TooMany)) => {
                Self::new(Code::Conflict, format!("The stock does not allow it: {cause}."))
            }
            Error::Stock(cause) => postgres::failure(cause),
            Error::Repeated(refused) => refused.into(),
            Error::Store(cause) => postgres::failure(cause),
            Error::Malformed(cause) => Self::internal(anyhow::anyhow!(cause)),
            Error::Internal(cause) => postgres::failure(cause),
        }
    }
}
