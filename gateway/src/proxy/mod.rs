//! Requests that are passed through: REST and redirects.

mod headers;
pub(crate) mod redirect;
mod rest;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
pub use redirect::routes as redirect_routes;
pub use rest::routes as rest_routes;

/// Passes on a response of a service.
fn respond(status: StatusCode, mut headers: HeaderMap, body: Body) -> Response {
    headers::strip_answer(&mut headers);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
