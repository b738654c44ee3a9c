//! What can go wrong with a message.

/// Why a message was not (or not surely) stored by the broker. It may be published again, with the same id.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No queue is bound for it; nothing was stored.
    #[error("no queue takes messages with routing key {routing_key} on exchange {exchange}")]
    Unroutable {
        /// Where it was published.
        exchange: String,
        /// Under which key.
        routing_key: String,
    },
    /// The broker refused it, for example because a queue is full.
    #[error("the broker refused the message")]
    Refused,
    /// It cannot be written as JSON.
    #[error("the message cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
    /// The broker could not be reached or did not confirm in time: the message may be stored.
    #[error("the broker did not confirm the message: {0}")]
    Unavailable(String),
}

impl PublishError {
    pub(crate) fn unavailable(error: impl std::fmt::Display) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Why a message could not be handled.
///
/// It is not a `std::error::Error`, so that `?` turns any error into [`HandleError::Transient`]:
/// most failures are a store or a peer that is away for the moment.
#[derive(Debug)]
pub enum HandleError {
    /// Another try may succeed: a few at once, then through the retry schedule, then the dead letters.
    Transient(anyhow::Error),
    /// No try will ever succeed: the dead letters at once.
    Permanent(anyhow::Error),
}

impl HandleError {
    /// Makes an error that another try may not meet.
    pub fn transient(cause: impl Into<anyhow::Error>) -> Self {
        Self::Transient(cause.into())
    }

    /// Makes an error that every try would meet.
    pub fn permanent(cause: impl std::fmt::Display + std::fmt::Debug + Send + Sync + 'static) -> Self {
        Self::Permanent(anyhow::Error::msg(cause))
    }
}

impl<E: Into<anyhow::Error>> From<E> for HandleError {
    fn from(error: E) -> Self {
        Self::Transient(error.into())
    }
}

impl std::fmt::Display for HandleError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Transient(cause) | Self::Permanent(cause) => write!(f, "{cause:#}"),
        }
    }
}
