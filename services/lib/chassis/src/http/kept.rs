//! Whether anybody on the way keeps an answer.

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;

/// Gives each answer of `routes` this `Cache-Control` (RFC 9111, section 5.2), unless the handler gave it one.
pub fn kept(routes: Router, directive: &'static str) -> Router {
    let directive = HeaderValue::from_static(directive);
    routes.layer(map_response(move |mut response: Response| {
        response.headers_mut().entry(CACHE_CONTROL).or_insert_with(|| directive.clone());
        std::future::ready(response)
    }))
}
