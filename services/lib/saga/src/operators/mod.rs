//! Sagas over HTTP, for operators.

mod decide;
mod read;
mod steps;

use crate::engine::Engine;
use axum::Router;
use axum::extract::FromRef;
use axum::routing::{get, post};
use chassis::jwt::Verifier;
use utoipa::OpenApi;

/// What handlers work with.
#[derive(Clone, FromRef)]
struct Operated {
    engine: Engine,
    verifier: Verifier,
}

/// What the routes are, to be merged into a service's OpenAPI.
#[derive(OpenApi)]
#[openapi(paths(read::list, read::detail, decide::retry, decide::cancel, decide::settle))]
pub struct Api;

/// Describes the routes, to be merged into a service's OpenAPI.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// The routes under `/v1/sagas`, for callers with the operator role.
pub fn routes(engine: Engine, verifier: Verifier) -> Router {
    Router::new()
        .route("/v1/sagas", get(read::list))
        .route("/v1/sagas/{id}", get(read::detail))
        .route("/v1/sagas/{id}/retry", post(decide::retry))
        .route("/v1/sagas/{id}/cancel", post(decide::cancel))
        .route("/v1/sagas/{id}/settle", post(decide::settle))
        .with_state(Operated { engine, verifier })
}
