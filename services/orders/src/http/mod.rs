//! The routes: REST as `contracts::rest::orders` says, described in OpenAPI. Every one needs a token.

mod card_numbers;
mod changes;
mod customers;
mod orders;
mod sales;

use crate::app::{Customers, Orders, PlaceOrders};
use axum::Router;
use axum::extract::FromRef;
use chassis::http::{Failure, kept};
use chassis::jwt::{Bearer, Verifier};
use contracts::problem::Problem;
use contracts::rest::orders::BATCH_LIMIT;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What handlers work with.
#[derive(Clone, FromRef)]
pub struct State {
    pub orders: Orders,
    pub places: PlaceOrders,
    pub customers: Customers,
    /// Verifies tokens.
    pub verifier: Verifier,
    /// Ends streams that would otherwise never end.
    pub shutdown: CancellationToken,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "orders",
        description = "Customers and their orders. Every error is application/problem+json (RFC 9457) with a code \
                       of the one list in docs/errors."
    ),
    modifiers(&Bearer),
)]
struct Description;

pub fn routes(state: State) -> Router {
    let (router, _) = described().with_state(state).split_for_parts();
    // Answers hold personal data: nobody on the way keeps them.
    kept(router, "no-store")
}

/// Their description, with those of the sagas.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut openapi = described().into_openapi();
    openapi.merge(saga::operators::Api::openapi());
    openapi
}

fn described() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(customers::save, customers::own))
        .routes(routes!(customers::batch))
        .routes(routes!(customers::read))
        .routes(routes!(customers::key))
        .routes(routes!(orders::place, orders::list))
        .routes(routes!(orders::batch))
        .routes(routes!(orders::histories))
        .routes(routes!(orders::read))
        .routes(routes!(orders::history))
        .routes(routes!(orders::cancel))
        .routes(routes!(orders::ship))
        .routes(routes!(orders::deliver))
        .routes(routes!(changes::watch))
        .routes(routes!(sales::batch))
}

/// Refuses a batch that is empty or too large.
fn bounded<T>(field: &'static str, batch: Vec<T>) -> Result<Vec<T>, Failure> {
    if (1..=BATCH_LIMIT).contains(&batch.len()) {
        Ok(batch)
    } else {
        Err(Failure::field(field, format!("must be 1 to {BATCH_LIMIT}")))
    }
}

/// The answer for what is not the caller's.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Unknown {
    /// `not_found`: there is none, or it is another's.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// The answer for a customer who was erased.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Gone {
    /// `erased`: nobody can read the data any more.
    #[response(status = 410, content_type = "application/problem+json")]
    Erased(Problem),
}

/// The answer to users, and to services that the route does not admit.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Services {
    /// `forbidden`: only certain services may call this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
}

/// The answer where the order stands elsewhere.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
enum Elsewhere {
    /// `conflict`: where the order stands this cannot be.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
}
