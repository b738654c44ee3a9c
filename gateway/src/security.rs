//! Security headers and CORS.

use crate::config;
use crate::origin::IDEMPOTENCY_KEY;
use axum::Router;
use axum::response::Response;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH,
    IF_NONE_MATCH, LOCATION, REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Method};
use tower::ServiceBuilder;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// Headers of every response, unless a handler sets them. Browsers heed the last one over TLS only.
const ALWAYS: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

/// Adds the headers and CORS to the routes.
pub(crate) fn protect(router: Router, cors: &config::Cors) -> Router {
    // One layer, because each layer clones the router for every request. CORS is outermost: a preflight has no token
    // and is not counted.
    router.layer(ServiceBuilder::new().layer(rules(cors)).map_response(told_always))
}

fn told_always(mut response: Response) -> Response {
    for (name, value) in ALWAYS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn rules(cors: &config::Cors) -> CorsLayer {
    let origins = if cors.origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(cors.origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok()))
    };
    let own = ["x-request-id", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];
    let standard = [RETRY_AFTER, ETAG, LOCATION, CONTENT_DISPOSITION, WWW_AUTHENTICATE];
    let sent = [ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH, IDEMPOTENCY_KEY];
    // Tokens are sent in a header, so no credentials are needed.
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(sent.into_iter().chain([HeaderName::from_static("last-event-id")]).collect::<Vec<_>>())
        .expose_headers(own.map(HeaderName::from_static).into_iter().chain(standard).collect::<Vec<_>>())
        .max_age(std::time::Duration::from_secs(600))
}
