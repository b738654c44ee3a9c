//! The routes. Every one needs a token, and shows only what is the caller's.

mod export;
mod live;
mod stats;

use crate::domain::is_code;
use crate::events::live::Live;
use crate::store::Database;
use axum::extract::FromRef;
use chassis::http::Failure;
use chassis::jwt::{Caller, Verifier};
use contracts::problem::Code;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// What handlers work with.
#[derive(Clone)]
pub struct State {
    pub database: Database,
    pub live: Live,
    pub verifier: Verifier,
    /// Ends streams that would otherwise never end.
    pub shutdown: CancellationToken,
}

impl FromRef<State> for Verifier {
    fn from_ref(state: &State) -> Self {
        state.verifier.clone()
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Analytics", description = "Clicks and statistics of links, for their owners."),
    security(("bearer" = []))
)]
struct Description;

pub fn routes() -> OpenApiRouter<State> {
    let mut description = Description::openapi();
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    description.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    OpenApiRouter::with_openapi(description)
        .routes(routes!(stats::batch))
        .routes(routes!(stats::link))
        .routes(routes!(stats::owner))
        .routes(routes!(live::listen))
        .routes(routes!(export::export))
}

/// Finds the caller's link with this code; somebody else's is as unknown as one that never was.
async fn owned(database: &Database, caller: &Caller, code: &str) -> Result<Uuid, Failure> {
    let unknown = || Failure::new(Code::NotFound, "You have no link with this code.");
    if !is_code(code) {
        return Err(unknown());
    }
    let links = database.links_of(caller.user_id, &[code.to_owned()]).await?;
    links.into_values().next().ok_or_else(unknown)
}

/// The answers that every route may give besides its own.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Usual {
    /// The request cannot be read, or some fields are not acceptable.
    #[response(status = 400, content_type = "application/problem+json")]
    Refused(contracts::problem::Problem),
    /// No token came, or one that is not valid.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(contracts::problem::Problem),
    /// ClickHouse or the broker is away; try again after `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(contracts::problem::Problem),
}

/// The answer for a link that is not the caller's.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Unknown {
    /// The caller has no link with this code.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(contracts::problem::Problem),
}

type JsonResult<T> = Result<chassis::http::Json<T>, Failure>;
