//! `/v1/webhooks/provider`: the provider tells of outcomes. Its signature is its token.

use crate::app::Payments;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chassis::http::Failure;
use contracts::problem::Problem;

/// Hears an outcome from the payment provider. Heard again it changes nothing.
#[utoipa::path(
    post, path = "/v1/webhooks/provider", tag = "webhooks",
    request_body(content = String, content_type = "application/json", description = "An event of the provider."),
    params((
        "Provider-Signature" = String, Header,
        description = "`t=<unix seconds>,v1=<hex HMAC-SHA256 of t + \".\" + body>`, at most five minutes old.",
    )),
    responses(
        (status = 204, description = "Heard."),
        (status = 400, description = "`validation_failed`: too old; or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`: not the provider's signature.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn hear(
    State(payments): State<Payments>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Failure> {
    let signature = headers.get("provider-signature").and_then(|value| value.to_str().ok());
    payments.hear(signature, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}
