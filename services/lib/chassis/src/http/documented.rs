//! What routes may answer besides their own, for their OpenAPI descriptions.

use contracts::problem::Problem;
use utoipa::IntoResponses;

/// What every route with a token may answer.
#[derive(IntoResponses)]
pub enum Usual {
    /// `unauthenticated` or `invalid_token`.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// `unavailable`, with `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What every route for everybody may answer.
#[derive(IntoResponses)]
pub enum Open {
    /// `invalid_token`.
    #[response(status = 401, content_type = "application/problem+json")]
    BadToken(Problem),
    /// `unavailable`, with `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What routes answer to bodies that they cannot take.
#[derive(IntoResponses)]
pub enum BadBody {
    /// `validation_failed`, with the fields, or `malformed_request`.
    #[response(status = 400, content_type = "application/problem+json")]
    Refused(Problem),
    /// `payload_too_large`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// `unsupported_media_type`.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
}

/// What routes answer to queries that they cannot take.
#[derive(IntoResponses)]
pub enum BadQuery {
    /// `validation_failed`, with the fields, or `invalid_cursor`.
    #[response(status = 400, content_type = "application/problem+json")]
    Refused(Problem),
}

/// What operators' routes answer to others.
#[derive(IntoResponses)]
pub enum OperatorsOnly {
    /// `forbidden`: needs the role `operator`.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
}
