//! The signing keys: published for everybody, rotated by operators.

use crate::app::Accounts;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use chassis::http::{Failure, Json};
use chassis::jwt::Operator;
use contracts::problem::Problem;
use contracts::rest::auth::{JsonWebKeySet, SigningKeys};

/// How long the key set may be kept on the way: well under the time that a key is published ahead.
const CACHED: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=60")];

/// Publishes the keys that verify access tokens (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys",
    responses((status = 200, description = "The keys.", body = JsonWebKeySet)),
)]
pub(super) async fn publish(
    State(accounts): State<Accounts>,
) -> ([(HeaderName, &'static str); 1], Json<JsonWebKeySet>) {
    (CACHED, Json(accounts.keys.published()))
}

/// Makes a successor to the newest key. It is published at once, signs as soon as every verifier
/// knows it, and the tokens of the key before verify until they expire.
#[utoipa::path(
    post, path = "/v1/keys/rotate", tag = "keys", security(("bearer" = [])),
    responses(
        (status = 201, description = "The published keys, the new one first.", body = SigningKeys),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs the operator role.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn rotate(
    State(accounts): State<Accounts>,
    _operator: Operator,
) -> Result<(StatusCode, Json<SigningKeys>), Failure> {
    Ok((StatusCode::CREATED, Json(accounts.keys.rotate().await?)))
}
