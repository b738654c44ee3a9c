//! What can go wrong in a use case, and what the client is told of it.

use chassis::http::Failure;
use contracts::problem::Code;
use std::time::Duration;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the e-mail is taken")]
    EmailTaken,
    /// E-mail and password do not belong together, or the account is not active.
    #[error("the credentials are wrong")]
    InvalidCredentials,
    #[error("the service's credentials are wrong")]
    InvalidClient,
    /// The refresh token is unknown, expired or revoked.
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// The refresh token was used before. Its client is told no more than that it is not valid.
    #[error("the refresh token came a second time")]
    RefreshTokenReused,
    /// The access token was valid, but its account or session is no more.
    #[error("the caller's account or session is no more")]
    CallerGone,
    /// A field is not acceptable, and only the use case could tell.
    #[error("{field} {message}")]
    Field {
        field: &'static str,
        /// What is wrong with it, for a person.
        message: &'static str,
    },
    #[error("too many attempts")]
    Limited {
        /// When the next one is let through.
        retry_after: Duration,
    },
    /// Too many requests wait for a hash, or too many of one caller.
    #[error("too many hashes are under way")]
    Busy,
    #[error("the database failed")]
    Store(#[from] sqlx::Error),
    /// Something that must not happen.
    #[error(transparent)]
    Internal(#[from] anyhow::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::EmailTaken => Self::new(Code::EmailTaken, "An account with this e-mail exists: log in instead."),
            Error::InvalidCredentials => Self::new(Code::InvalidCredentials, "Wrong e-mail or password."),
            Error::InvalidClient => Self::new(Code::InvalidClient, "Unknown service, or wrong secret."),
            Error::InvalidRefreshToken | Error::RefreshTokenReused => {
                Self::new(Code::InvalidRefreshToken, "The session has ended: log in again.")
            }
            Error::CallerGone => Self::new(Code::InvalidToken, "The session of this token has ended: log in again."),
            Error::Field { field, message } => Self::field(field, message),
            Error::Limited { retry_after } => {
                Self::new(Code::RateLimited, "Too many attempts: try again after the time in Retry-After.")
                    .retry_after(retry_after)
            }
            Error::Busy => Self::new(Code::Overloaded, "Too many log-ins at the moment: try again in a few seconds.")
                .retry_after(Duration::from_secs(2)),
            Error::Store(cause) => postgres::failure(cause),
            Error::Internal(cause) => postgres::failure(cause),
        }
    }
}

impl From<saga::Error> for Error {
    fn from(error: saga::Error) -> Self {
        match error {
            saga::Error::Store(error) => Self::Store(error),
            error => Self::Internal(error.into()),
        }
    }
}
