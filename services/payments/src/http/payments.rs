//! `/v1/payments` and `/v1/orders/{order_id}/payment`: reading. Users see their own, operators all.

use super::present;
use crate::app::Payments;
use crate::error::Error;
use axum::extract::State;
use chassis::http::{Failure, Json, Path};
use chassis::jwt::Caller;
use contracts::problem::Problem;
use contracts::rest::payments::{BatchPayments, Payment, PaymentList};
use uuid::Uuid;

/// How many orders may be asked for at once.
const BATCH: usize = 200;

/// Whose payments a caller may see: nothing means everybody's.
fn owner(caller: &Caller) -> Option<Uuid> {
    (!caller.is_operator()).then_some(caller.user_id)
}

/// Tells a payment, with its refunds.
#[utoipa::path(
    get, path = "/v1/payments/{id}", tag = "payments", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The payment.")),
    responses(
        (status = 200, description = "The payment.", body = Payment),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: also when it is another's.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn read(
    State(payments): State<Payments>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<Payment>, Failure> {
    Ok(Json(present::payment(payments.read(id, owner(&caller)).await?)))
}

/// Tells the newest payment of an order.
#[utoipa::path(
    get, path = "/v1/orders/{order_id}/payment", tag = "payments", security(("bearer" = [])),
    params(("order_id" = Uuid, Path, description = "The order.")),
    responses(
        (status = 200, description = "The payment.", body = Payment),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: also when it is another's.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn of_order(
    State(payments): State<Payments>,
    caller: Caller,
    Path(order_id): Path<Uuid>,
) -> Result<Json<Payment>, Failure> {
    let found = payments.of_orders(&[order_id], owner(&caller)).await?.pop();
    Ok(Json(present::payment(found.ok_or(Error::NotFound)?)))
}

/// Tells the newest payments of up to 200 orders.
#[utoipa::path(
    post, path = "/v1/payments/batch", tag = "payments", security(("bearer" = [])), request_body = BatchPayments,
    responses(
        (status = 200, description = "Those that there are and that the caller may see.", body = PaymentList),
        (status = 400, description = "`validation_failed` or `malformed_request`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload_too_large`.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported_media_type`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn batch(
    State(payments): State<Payments>,
    caller: Caller,
    Json(body): Json<BatchPayments>,
) -> Result<Json<PaymentList>, Failure> {
    if !(1..=BATCH).contains(&body.order_ids.len()) {
        return Err(Failure::field("order_ids", format!("must be 1 to {BATCH}")));
    }
    let found = payments.of_orders(&body.order_ids, owner(&caller)).await?;
    Ok(Json(PaymentList { payments: found.into_iter().map(present::payment).collect() }))
}
