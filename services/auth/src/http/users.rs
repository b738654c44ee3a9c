//! `/v1/users`: accounts.

use crate::app::{Accounts, Registration};
use crate::domain::{Candidate, Email, FullName, Password};
use axum::extract::State;
use axum::http::StatusCode;
use chassis::http::{ClientAddr, Failure, Json};
use chassis::jwt::Caller;
use contracts::field_errors::FieldErrors;
use contracts::problem::{Code, Problem};
use contracts::rest::auth::{ChangePassword, DeleteAccount, Deletion, Register, Session, User};

/// Registers an account and begins its first session.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", request_body = Register,
    responses(
        (status = 201, description = "The account was made.", body = Session),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`email_taken`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable` or `overloaded`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn register(
    State(accounts): State<Accounts>,
    ClientAddr(address): ClientAddr,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<Session>), Failure> {
    let session = accounts.register(read(body)?, address).await?;
    Ok((StatusCode::CREATED, Json(session)))
}

/// Reads all fields before refusing, so that all that is wrong is told at once.
fn read(body: Register) -> Result<Registration, Failure> {
    let mut fields = FieldErrors::default();
    let email = fields.take("email", Email::parse(&body.email));
    let full_name = fields.take("full_name", FullName::parse(&body.full_name));
    // The password's rules need an e-mail; where that is refused, one that no password equals.
    let stand_in = || Email::stored(String::new());
    let parsed = Password::parse(body.password.into(), &email.clone().unwrap_or_else(stand_in));
    let password = fields.take("password", parsed);
    fields.finish()?;
    match (email, password, full_name) {
        (Some(email), Some(password), Some(full_name)) => Ok(Registration { email, password, full_name }),
        _ => unreachable!("finish fails when a field was refused"),
    }
}

/// Tells the caller's account.
#[utoipa::path(
    get, path = "/v1/users/me", tag = "users", security(("bearer" = [])),
    responses(
        (status = 200, description = "The caller's account.", body = User),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn me(State(accounts): State<Accounts>, caller: Caller) -> Result<Json<User>, Failure> {
    Ok(Json((&accounts.me(&caller).await?).into()))
}

/// Changes the caller's password and ends every other session.
#[utoipa::path(
    put, path = "/v1/users/me/password", tag = "users", security(("bearer" = [])),
    request_body = ChangePassword,
    responses(
        (status = 204, description = "The password was changed."),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`, `invalid_token`, or `invalid_credentials` when the current password is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable` or `overloaded`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn change_password(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode, Failure> {
    let current = Candidate::parse(body.current_password.into())
        .map_err(|message| Failure::field("current_password", message))?;
    accounts.change_password(&caller, current, body.new_password.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins to delete the caller's account, with links, statistics and the customer's data.
#[utoipa::path(
    delete, path = "/v1/users/me", tag = "users", security(("bearer" = [])),
    request_body = DeleteAccount,
    responses(
        (status = 202, description = "The deletion is under way; see `/v1/users/me/deletion`."),
        (status = 400, description = "`validation_failed`, with the fields, or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`, `invalid_token`, or `invalid_credentials` when the password is wrong.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable` or `overloaded`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn delete_account(
    State(accounts): State<Accounts>,
    caller: Caller,
    Json(body): Json<DeleteAccount>,
) -> Result<StatusCode, Failure> {
    let password = Candidate::parse(body.password.into()).map_err(|message| Failure::field("password", message))?;
    accounts.delete_account(&caller, password).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Tells how far the deletion of the caller's account is.
#[utoipa::path(
    get, path = "/v1/users/me/deletion", tag = "users", security(("bearer" = [])),
    responses(
        (status = 200, description = "Where it stands.", body = Deletion),
        (status = 401, description = "`unauthenticated`, or `invalid_token`: also when the account is gone.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: none was asked for.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn deletion(State(accounts): State<Accounts>, caller: Caller) -> Result<Json<Deletion>, Failure> {
    let none = || Failure::new(Code::NotFound, "There is no deletion of this account.");
    Ok(Json(accounts.deletion(&caller).await?.ok_or_else(none)?))
}
