//! The OpenAPI description of the gateway's own routes. Those of the services are described by the services.

use crate::{graphql, operators, proxy};
use chassis::jwt::Bearer;
use utoipa::OpenApi;

/// The gateway's own routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "gateway",
        description = "GraphQL, redirects, and the operators' routes (on an address of their own)."
    ),
    modifiers(&Bearer),
    paths(
        graphql::http::by_get,
        graphql::http::by_post,
        proxy::redirect::redirect,
        operators::breakers::list,
        operators::breakers::one,
        operators::breakers::force,
        operators::breakers::reset,
        operators::breakers::probe,
        operators::audit::audit,
        operators::events::watch,
    )
)]
struct Description;

pub(crate) fn document() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
