//! The routes: REST as `contracts::rest::auth` says, described in OpenAPI.

mod keys;
mod services;
mod sessions;
mod users;

use crate::app::{Accounts, Services};
use axum::Router;
use axum::extract::FromRef;
use chassis::http::kept;
use chassis::jwt::{Bearer, Verifier};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What handlers work with.
#[derive(Clone, FromRef)]
pub struct State {
    pub accounts: Accounts,
    pub services: Services,
    pub verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auth",
        description = "Accounts, sessions, and the keys that verify access tokens. Every error is \
                       application/problem+json (RFC 9457) with a code of the one list in docs/errors."
    ),
    modifiers(&Bearer, &Basic),
)]
struct Description;

/// Describes how services prove who they are, as the scheme `service`.
struct Basic;

impl Modify for Basic {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
        openapi.components.get_or_insert_default().add_security_scheme("service", scheme);
    }
}

pub fn routes(state: State) -> Router {
    let (router, _) = described().with_state(state).split_for_parts();
    // Answers hold tokens and personal data: nobody on the way keeps them (RFC 6749, section 5.1).
    kept(router, "no-store")
}

/// Their description.
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
        .routes(routes!(services::token))
}
