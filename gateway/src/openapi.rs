//! The OpenAPI description of the gateway's own routes. Those of the services are described by the services.

use utoipa::OpenApi;

use crate::{graphql, operators, proxy};

/// The gateway's own routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "gateway",
        description = "GraphQL, redirects, and the operators' routes (on an address of their own)."
    ),
    paths(
        graphql::http::by_get,
        graphql::http::by_post,
        proxy::redirect::redirect,
        operators::breakers::list,
        operators::breakers::one,
        operators::breakers::force,
        operators::breakers::reset,
        operators::breakers::probe,
        operators::audit::list,
        operators::events::watch,
    )
)]
struct Description;

pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
