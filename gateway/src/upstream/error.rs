//! Why a call to an upstream has no answer.

use std::sync::Arc;
use std::time::Duration;

use chassis::http::Failure;
use contracts::problem::Code;

/// Why a call to an upstream has no answer. Clones share the cause: several callers may have waited for one flight.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// The breaker is open.
    #[error("the breaker is {state}")]
    Refused {
        /// The breaker's state.
        state: &'static str,
        /// When it is worth asking again.
        retry_after: Duration,
    },
    /// Too many calls are under way.
    #[error("too many calls are under way")]
    Shed,
    /// No answer came in time.
    #[error("no answer came in time")]
    Late,
    /// No connection could be made.
    #[error("no connection could be made: {0:#}")]
    Unreachable(Arc<anyhow::Error>),
    /// The connection broke off.
    #[error("the connection broke off: {0:#}")]
    Reset(Arc<anyhow::Error>),
    /// The answer cannot be read.
    #[error("the answer cannot be read: {0:#}")]
    BadBody(Arc<anyhow::Error>),
    /// The client broke off its upload, or was too slow with it.
    #[error("the client did not send its body")]
    NoUpload,
    /// The client's upload is larger than allowed.
    #[error("the client's body is too large")]
    TooLarge,
}

impl UpstreamError {
    /// Returns the code that clients are told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Refused { .. } | Self::Shed | Self::Unreachable(_) | Self::Reset(_) => Code::Unavailable,
            Self::Late => Code::Timeout,
            Self::BadBody(_) => Code::BadUpstream,
            Self::NoUpload => Code::MalformedRequest,
            Self::TooLarge => Code::PayloadTooLarge,
        }
    }

    /// Returns after how long another try may succeed.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => Some(*retry_after),
            Self::Shed | Self::Late | Self::Unreachable(_) | Self::Reset(_) => Some(Duration::from_secs(1)),
            Self::BadBody(_) | Self::NoUpload | Self::TooLarge => None,
        }
    }

    /// Returns what clients are told in words. It names the service and nothing behind it.
    #[must_use]
    pub fn detail(&self, service: &str) -> String {
        match self {
            Self::Refused { .. } | Self::Unreachable(_) | Self::Reset(_) => {
                format!("{service} is not available at the moment.")
            }
            Self::Shed => format!("{service} is busy at the moment."),
            Self::Late => format!("{service} did not answer in time."),
            Self::BadBody(_) => format!("{service} gave an answer that cannot be read."),
            Self::NoUpload => "The body did not arrive.".to_owned(),
            Self::TooLarge => "The body is larger than this route takes.".to_owned(),
        }
    }

    /// Turns it into the problem that REST clients are answered.
    #[must_use]
    pub fn into_failure(self, service: &str) -> Failure {
        let failure = Failure::new(self.code(), self.detail(service));
        let failure = match self.retry_after() {
            Some(delay) => failure.retry_after(delay),
            None => failure,
        };
        failure.caused_by(anyhow::Error::new(self).context(format!("a call to {service} failed")))
    }
}
