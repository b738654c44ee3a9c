//! `/v1/payments/{id}/refunds`: money given back by operators.

use super::present;
use crate::app::{Payments, RefundRequest};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chassis::http::{Failure, IdempotencyKey, Json, Path};
use chassis::jwt::Operator;
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;
use contracts::rest::payments::{CreateRefund, Refund};
use uuid::Uuid;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// Gives back some of a captured payment. Accepted, it is made as soon as the provider can be reached; the same key
/// and body tell how it stands. Never more than is left, refunds under way counted.
#[utoipa::path(
    post, path = "/v1/payments/{id}/refunds", tag = "payments", security(("bearer" = [])), request_body = CreateRefund,
    params(
        ("id" = Uuid, Path, description = "The payment."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters."),
    ),
    responses(
        (status = 202, description = "The refund, as it stands.", body = Refund),
        (status = 400, description = "`validation_failed` or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: needs the operator role.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: not captured, being undone, or more than is left; or `idempotency_in_progress`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn refund(
    State(payments): State<Payments>,
    Operator(operator): Operator,
    Path(payment_id): Path<Uuid>,
    headers: HeaderMap,
    Json(body): Json<CreateRefund>,
) -> Result<(StatusCode, Json<Refund>), Failure> {
    let mut fields = FieldErrors::default();
    let key = fields.take("Idempotency-Key", IdempotencyKey::required(&headers));
    if body.amount.minor <= 0 {
        fields.refuse("amount.minor", "must be at least 1");
    }
    let reason = body.reason.trim();
    if !(1..=LONGEST_REASON).contains(&reason.chars().count()) {
        fields.refuse("reason", format!("must be 1 to {LONGEST_REASON} characters"));
    }
    fields.finish()?;
    let Some(key) = key else { return Err(Failure::field("Idempotency-Key", "is required")) };
    let (amount, reason, requested_by) = (body.amount, reason.to_owned(), operator.user_id);
    let refund = payments.refund(RefundRequest { payment_id, amount, reason, requested_by, key }).await?;
    tracing::info!(
        payment.id = %payment_id,
        refund.id = %refund.id,
        audit.actor = %operator.user_id,
        "An operator asked for a refund."
    );
    Ok((StatusCode::ACCEPTED, Json(present::refund(refund))))
}
