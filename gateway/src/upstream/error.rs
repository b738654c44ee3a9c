//! Why a call to an upstream has no response.

use breaker::Refusal;
use chassis::http::Failure;
use contracts::problem::Code;
use std::sync::Arc;
use std::time::Duration;

/// Why a call to an upstream has no response. Clones share the cause, because several callers may share a flight.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpstreamError {
    /// The breaker does not let the call through.
    #[error("the breaker refuses the call: {why:?}")]
    Refused { why: Refusal, retry_after: Duration },
    /// Too many calls are under way, or this process has no descriptor left.
    #[error("too many calls are under way")]
    Shed,
    /// The address is too long for HTTP.
    #[error("the call cannot be built: {0:#}")]
    Unbuildable(Arc<anyhow::Error>),
    #[error("no answer came in time")]
    Late,
    #[error("no connection could be made: {0:#}")]
    Unreachable(Arc<anyhow::Error>),
    #[error("the connection broke off: {0:#}")]
    Reset(Arc<anyhow::Error>),
    #[error("the answer cannot be read: {0:#}")]
    BadBody(Arc<anyhow::Error>),
    /// The client broke off its upload, or was too slow with it.
    #[error("the client did not send its body")]
    NoUpload,
    #[error("the client's body is too large")]
    TooLarge,
    /// The connection broke off before the upload was complete, without a response.
    #[error("the connection broke off during the upload: {0:#}")]
    UploadCut(Arc<anyhow::Error>),
    /// A write without a response: it may have been carried out.
    #[error("it may have been done: {0}")]
    OutcomeUnknown(Box<UpstreamError>),
}

impl UpstreamError {
    pub fn code(&self) -> Code {
        match self {
            Self::Refused { .. } | Self::Unreachable(_) | Self::Reset(_) | Self::UploadCut(_) => Code::Unavailable,
            Self::Shed => Code::Overloaded,
            Self::Late => Code::Timeout,
            Self::BadBody(_) => Code::BadUpstream,
            Self::NoUpload | Self::Unbuildable(_) => Code::MalformedRequest,
            Self::TooLarge => Code::PayloadTooLarge,
            Self::OutcomeUnknown(error) => error.code(),
        }
    }

    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => Some(*retry_after),
            Self::Shed | Self::Late | Self::Unreachable(_) | Self::Reset(_) | Self::UploadCut(_) => {
                Some(Duration::from_secs(1))
            }
            Self::BadBody(_) | Self::NoUpload | Self::TooLarge | Self::Unbuildable(_) => None,
            Self::OutcomeUnknown(error) => error.retry_after(),
        }
    }

    /// Returns the text for clients. It names the service and nothing behind it.
    pub fn detail(&self, service: &str) -> String {
        match self {
            Self::Refused { why: Refusal::Caller, .. } => {
                format!("Too many of your calls to {service} got no answer in time. Wait a few seconds.")
            }
            Self::Refused { .. } | Self::Unreachable(_) | Self::Reset(_) => {
                format!("{service} is not available at the moment.")
            }
            Self::Shed => format!("{service} is busy at the moment."),
            Self::Late => format!("{service} did not answer in time."),
            Self::BadBody(_) => format!("{service} sent a response that cannot be read."),
            Self::NoUpload => "The request body did not arrive. Send it again.".to_owned(),
            Self::TooLarge => "The request body is too large for this route.".to_owned(),
            Self::Unbuildable(_) => "The address of the request is too long.".to_owned(),
            Self::UploadCut(_) => format!("{service} stopped reading the request body and did not answer."),
            Self::OutcomeUnknown(error) => format!(
                "{} It is not known whether the request was carried out. Where the route takes an Idempotency-Key, \
                 repeat the request with the same key. Otherwise check first.",
                error.detail(service)
            ),
        }
    }

    /// Makes the problem that clients get.
    pub fn into_failure(self, service: &str) -> Failure {
        let failure = Failure::new(self.code(), self.detail(service));
        let failure = match self.retry_after() {
            Some(delay) => failure.retry_after(delay),
            None => failure,
        };
        failure.caused_by(anyhow::Error::new(self).context(format!("a call to {service} failed")))
    }
}
