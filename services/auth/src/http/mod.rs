//! The routes: REST as `contracts::rest::auth` says, described in OpenAPI.

mod keys;
mod sessions;
mod users;

use crate::app::Accounts;
use axum::{
    Router,
    extract::FromRef,
    http::{HeaderValue, header},
    middleware::map_response,
    response::Response,
};
use chassis::jwt::{Bearer, Verifier};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

/// What handlers work with.
#[derive(Clone, FromRef)]
struct State {
    accounts: Accounts,
    verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auth",
        description = "Accounts, sessions, and the keys that verify access tokens. Every error is \
                       application/problem+json (RFC 9457) with a code of the one list in docs/errors."
    ),
    modifiers(&Bearer),
)]
struct Description;

/// The routes.
pub fn routes(accounts: Accounts, verifier: Verifier) -> Router {
    let (router, _) = described().with_state(State { accounts, verifier }).split_for_parts();
    // Answers hold tokens and personal data: nobody on the way keeps them (RFC 6749, section 5.1).
    router.layer(map_response(no_store))
}

/// Their description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(users::register))
        .routes(routes!(users::me, users::delete_account))
        .routes(routes!(users::deletion))
        .routes(routes!(users::change_password))
        .routes(routes!(sessions::log_in))
        .routes(routes!(sessions::refresh))
        .routes(routes!(sessions::log_out))
        .routes(routes!(keys::publish))
        .routes(routes!(keys::rotate))
}

async fn no_store(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
