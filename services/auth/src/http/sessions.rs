//! `/v1/sessions`: logging in, staying logged in, logging out.

use crate::app::{Accounts, Credentials};
use crate::domain::{self, Candidate, Email};
use axum::extract::State;
use axum::http::StatusCode;
use chassis::http::{ClientAddr, Failure, Json};
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use contracts::rest::auth::{Login, RefreshToken, Session};

/// Logs in.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", request_body = Login,
    responses(
        (status = 201, description = "A session began.", body = Session),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid_credentials`, whichever of the two is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable` or `overloaded`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn log_in(
    State(accounts): State<Accounts>,
    ClientAddr(address): ClientAddr,
    Json(body): Json<Login>,
) -> Result<(StatusCode, Json<Session>), Failure> {
    let mut fields = FieldErrors::default();
    let email = fields.take("email", Email::parse(&body.email));
    let password = fields.take("password", Candidate::parse(body.password.into()));
    fields.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        unreachable!("finish fails when a field was refused")
    };
    let session = accounts.log_in(Credentials { email, password }, address).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// Exchanges a refresh token for the next tokens of its session. Each is good once; one that comes
/// a second time ends the session. Not to be retried by clients when an answer was lost: log in again.
#[utoipa::path(
    post, path = "/v1/sessions/refresh", tag = "sessions", request_body = RefreshToken,
    responses(
        (status = 200, description = "The next tokens.", body = Session),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`invalid_refresh_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refresh(
    State(accounts): State<Accounts>,
    Json(body): Json<RefreshToken>,
) -> Result<Json<Session>, Failure> {
    let token = domain::RefreshToken::parse(body.refresh_token.into());
    Ok(Json(accounts.refresh(token).await?))
}

/// Logs out: ends the session of a refresh token. A token that is no session's is no error.
#[utoipa::path(
    post, path = "/v1/sessions/revoke", tag = "sessions", request_body = RefreshToken,
    responses(
        (status = 204, description = "The session has ended."),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn log_out(
    State(accounts): State<Accounts>,
    Json(body): Json<RefreshToken>,
) -> Result<StatusCode, Failure> {
    accounts.log_out(domain::RefreshToken::parse(body.refresh_token.into())).await?;
    Ok(StatusCode::NO_CONTENT)
}
