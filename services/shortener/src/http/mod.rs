//! The routes: REST as `contracts::rest::shortener` says, described in OpenAPI; and redirects.

mod links;
mod qr;
mod redirect;

use crate::app::Catalogue;
use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::header::ALLOW;
use axum::routing::get;
use chassis::http::Failure;
use chassis::jwt::{Bearer, Verifier};
use contracts::problem::Code;
pub use redirect::Redirects;
use std::sync::Arc;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The largest body of a bulk request, in bytes: 5,000 links of the longest targets.
const BULK_BODY: usize = 16 * 1024 * 1024;

/// What handlers work with.
#[derive(Clone, FromRef)]
struct Api {
    catalogue: Catalogue,
    verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "shortener",
        description = "Links, their redirects and QR codes. Every error is \
                       application/problem+json (RFC 9457) with a code of the one list in docs/errors."
    ),
    paths(redirect::redirect, redirect::redirect_head),
    modifiers(&Bearer),
)]
struct Description;

/// The owners' routes.
pub fn routes(catalogue: Catalogue, verifier: Verifier) -> Router {
    described().with_state(Api { catalogue, verifier }).split_for_parts().0
}

/// The visitors' routes, to be served with as little around them as can be.
pub fn redirects(redirects: Arc<Redirects>) -> Router {
    let only = || async {
        let failure = Failure::new(Code::MethodNotAllowed, "This address takes GET and HEAD.");
        ([(ALLOW, "GET,HEAD")], failure)
    };
    Router::new().route("/{code}", get(redirect::redirect).fallback(only)).with_state(redirects)
}

/// The description of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<Api> {
    let bulk = OpenApiRouter::new().routes(routes!(links::create_many)).layer(DefaultBodyLimit::max(BULK_BODY));
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(links::create, links::list))
        .routes(routes!(links::batch))
        .routes(routes!(links::read, links::change, links::remove))
        .routes(routes!(qr::draw))
        .merge(bulk)
}
