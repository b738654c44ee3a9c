//! The routes: REST as `contracts::rest::inventory` says, described in OpenAPI.

mod products;
mod reservations;
mod stock;

use crate::app::Inventory;
use axum::Router;
use axum::extract::FromRef;
use chassis::http::{Failure, kept};
use chassis::jwt::{Bearer, Caller, Verifier};
use chassis::page::PageRequest;
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use messaging::operators;
use utoipa::{IntoResponses, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What handlers work with.
#[derive(Clone, FromRef)]
struct Api {
    inventory: Inventory,
    verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "inventory",
        description = "Products, their stock, and reservations of it. Every error is \
                       application/problem+json (RFC 9457) with a code of the one list in docs/errors."
    ),
    modifiers(&Bearer),
)]
struct Description;

pub fn routes(inventory: Inventory, verifier: Verifier) -> Router {
    let (router, _) = described().with_state(Api { inventory, verifier }).split_for_parts();
    // Operators see more than users: nobody on the way keeps an answer.
    kept(router, "private, no-cache")
}

#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi().merge_from(operators::Api::openapi())
}

fn described() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::batch))
        .routes(routes!(products::read, products::change))
        .routes(routes!(stock::read))
        .routes(routes!(stock::operations, stock::operate))
        .routes(routes!(stock::rebuild))
        .routes(routes!(reservations::list))
        .routes(routes!(reservations::fulfil))
}

/// Whether a caller sees what is not for sale, and what is in the warehouse. A visitor without a token sees what users see.
fn sees_all(caller: Option<&Caller>) -> bool {
    caller.is_some_and(Caller::is_operator)
}

/// Reads how many rows are asked for.
fn page(first: Option<u32>) -> Result<PageRequest, Failure> {
    PageRequest::parse(first).map_err(|message| Failure::field("first", message))
}

/// Ends the gathering of fields with what was read; all of it is there when nothing was refused.
fn all<T>(fields: FieldErrors, read: Option<T>) -> Result<T, Failure> {
    fields.finish()?;
    read.ok_or_else(|| Failure::internal(anyhow::anyhow!("a field is neither read nor refused")))
}

/// The answer of routes about one product.
#[derive(IntoResponses)]
#[allow(dead_code)]
enum Named {
    /// `not_found`: there is no such product, or it is not for sale and the caller is no operator.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}
