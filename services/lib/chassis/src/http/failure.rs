//! Problems as answers.

use super::RequestId;
use axum::response::{IntoResponse, Response};
use contracts::field_errors::FieldErrors;
use contracts::problem::{Code, MEDIA_TYPE, Problem};
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;

/// A problem on its way to the client, with its cause for the log.
///
/// The client sees the [`Problem`]; the cause is logged, whole, and never sent.
#[derive(Debug)]
pub struct Failure {
    problem: Box<Problem>,
    cause: Option<anyhow::Error>,
}

impl Failure {
    /// Makes a failure of the given kind; `detail` is told to the client.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// Makes a [`Code::ValidationFailed`] that names one field.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Problem::field(field, message).into()
    }

    /// Makes a [`Code::Internal`]; `cause` is logged and not told.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Code::Internal, "An internal error occurred. Report it with the request id.").caused_by(cause)
    }

    /// Makes a [`Code::Unavailable`] with a hint to try again in a second; `cause` is logged.
    pub fn unavailable(detail: impl Into<String>, cause: impl Into<anyhow::Error>) -> Self {
        Self::new(Code::Unavailable, detail).retry_after(Duration::from_secs(1)).caused_by(cause)
    }

    /// Makes a [`Code::Unavailable`] where one of the causes says that the store `is_away`, else a [`Code::Internal`];
    /// `cause` is logged and not told.
    pub fn of_store<E>(cause: impl Into<anyhow::Error>, is_away: fn(&E) -> bool) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let cause = cause.into();
        if cause.chain().any(|cause| cause.downcast_ref().is_some_and(is_away)) {
            return Self::unavailable("The service's store cannot do this at the moment: try again.", cause);
        }
        Self::internal(cause)
    }

    /// Adds what led to it, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<anyhow::Error>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Tells the client after how long another try may succeed.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.problem.retry_after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn code(&self) -> Code {
        self.problem.code
    }

    /// What the client is told.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// What the client is told, without the cause.
    #[must_use]
    pub fn into_problem(self) -> Problem {
        *self.problem
    }
}

impl From<FieldErrors> for Failure {
    fn from(refused: FieldErrors) -> Self {
        Problem::from(refused).into()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), cause: None }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { mut problem, cause } = self;
        if let Some(cause) = cause {
            let error = format!("{cause:#}");
            if problem.status >= 500 {
                tracing::error!(error.code = %problem.code, error, "A request failed.");
            } else {
                tracing::info!(error.code = %problem.code, error, "A request was refused.");
            }
        }
        super::log_fields::add("error.code", problem.code.as_str());
        problem.request_id = problem.request_id.or_else(|| RequestId::current().map(|id| id.as_str().to_owned()));
        let status = StatusCode::from_u16(problem.status).expect("every code has a valid status");
        let body = serde_json::to_vec(&problem).expect("a problem is JSON");
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(delay) = problem.retry_after_ms {
            headers.insert(header::RETRY_AFTER, delay.div_ceil(1000).max(1).into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
