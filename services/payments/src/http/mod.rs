//! The routes: REST as `contracts::rest::payments` says, described in OpenAPI.

mod payments;
mod present;
mod refunds;
mod webhooks;

use crate::app::Payments;
use axum::Router;
use axum::extract::FromRef;
use chassis::http::kept;
use chassis::jwt::{Bearer, Verifier};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What handlers work with.
#[derive(Clone, FromRef)]
struct State {
    payments: Payments,
    verifier: Verifier,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "payments",
        description = "Charges and refunds at the payment provider. Every error is application/problem+json \
                       (RFC 9457) with a code of the one list in docs/errors."
    ),
    modifiers(&Bearer),
)]
struct Description;

pub fn routes(payments: Payments, verifier: Verifier) -> Router {
    let (router, _) = described().with_state(State { payments, verifier }).split_for_parts();
    // What somebody paid is nobody else's to keep.
    kept(router, "no-store")
}

#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().into_openapi()
}

fn described() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(payments::read))
        .routes(routes!(payments::of_order))
        .routes(routes!(payments::batch))
        .routes(routes!(refunds::refund))
        .routes(routes!(webhooks::hear))
}
