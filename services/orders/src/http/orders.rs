//! `/v1/orders`.

use super::card_numbers::{self, NoCardNumbers};
use super::{Elsewhere, Gone, Unknown, bounded};
use crate::app::{Orders, PlaceOrders};
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chassis::http::documented::{BadBody, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path, Query};
use chassis::jwt::{Caller, Operator};
use contracts::problem::Problem;
use contracts::rest::orders::{
    self as rest, CancelOrder, Ids, ListOrders, Order, OrderHistories, OrderHistory, OrderPage, PlaceOrder, ReadOrder,
    ShipOrder,
};
use uuid::Uuid;

/// Places an order. It is pending until its stock is reserved and its payment charged.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", security(("bearer" = [])), request_body = PlaceOrder,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters. The same request with the same key places one order and is answered alike for 72 hours.")),
    responses(
        (status = 202, description = "The order was placed.", body = Order, headers(("Location" = String, description = "The order's address."))),
        (status = 409, description = "`idempotency_in_progress`.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_mismatch`.", body = Problem, content_type = "application/problem+json"),
        Usual, BadBody, Gone
    ),
)]
pub(super) async fn place(
    State(places): State<PlaceOrders>,
    caller: Caller,
    headers: HeaderMap,
    NoCardNumbers(body): NoCardNumbers<PlaceOrder>,
) -> Result<Response, Failure> {
    let order = places.place(caller.user_id, card_numbers::key(&headers), body).await?;
    let location = HeaderValue::from_str(&format!("/v1/orders/{}", order.id)).map_err(Failure::internal)?;
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(order)).into_response())
}

/// Lists the caller's orders, newest first.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", security(("bearer" = [])), params(ListOrders),
    responses(
        (status = 200, description = "A page of orders.", body = OrderPage),
        (status = 400, description = "`validation_failed`, with the fields, or `invalid_cursor`.", body = Problem, content_type = "application/problem+json"),
        Usual
    ),
)]
pub(super) async fn list(
    State(orders): State<Orders>,
    caller: Caller,
    Query(wanted): Query<ListOrders>,
) -> Result<Json<OrderPage>, Failure> {
    Ok(Json(orders.list(&caller, &wanted).await?))
}

/// Tells up to 100 orders, as far as the caller may see them.
#[utoipa::path(
    post, path = "/v1/orders/batch", tag = "orders", security(("bearer" = [])), request_body = Ids,
    responses((status = 200, description = "Those that the caller may see.", body = rest::Orders), Usual, BadBody),
)]
pub(super) async fn batch(
    State(orders): State<Orders>,
    caller: Caller,
    NoCardNumbers(body): NoCardNumbers<Ids>,
) -> Result<Json<rest::Orders>, Failure> {
    Ok(Json(rest::Orders { orders: orders.orders(&caller, &bounded("ids", body.ids)?).await? }))
}

/// Tells what happened to up to 100 orders, as far as the caller may see them.
#[utoipa::path(
    post, path = "/v1/orders/events/batch", tag = "orders", security(("bearer" = [])), request_body = Ids,
    responses(
        (status = 200, description = "What happened to those that the caller may see.", body = OrderHistories),
        Usual, BadBody
    ),
)]
pub(super) async fn histories(
    State(orders): State<Orders>,
    caller: Caller,
    NoCardNumbers(body): NoCardNumbers<Ids>,
) -> Result<Json<OrderHistories>, Failure> {
    Ok(Json(OrderHistories { histories: orders.histories(&caller, &bounded("ids", body.ids)?).await? }))
}

/// Tells an order, as it is now or was at a moment: the caller's own, or for operators any.
#[utoipa::path(
    get, path = "/v1/orders/{id}", tag = "orders", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The order."), ReadOrder),
    responses(
        (status = 200, description = "The order.", body = Order),
        (status = 400, description = "`validation_failed`: `at` is no moment.", body = Problem, content_type = "application/problem+json"),
        Usual, Unknown
    ),
)]
pub(super) async fn read(
    State(orders): State<Orders>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(wanted): Query<ReadOrder>,
) -> Result<Json<Order>, Failure> {
    Ok(Json(orders.order(&caller, id, wanted.at).await?))
}

/// Tells everything that happened to an order.
#[utoipa::path(
    get, path = "/v1/orders/{id}/events", tag = "orders", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The order.")),
    responses((status = 200, description = "From the first event on.", body = OrderHistory), Usual, Unknown),
)]
pub(super) async fn history(
    State(orders): State<Orders>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<OrderHistory>, Failure> {
    Ok(Json(orders.history(&caller, id).await?))
}

/// Calls off an order that has not left the warehouse. It is cancelled when everything is undone; calling it
/// off again changes nothing.
#[utoipa::path(
    post, path = "/v1/orders/{id}/cancel", tag = "orders", security(("bearer" = [])), request_body = CancelOrder,
    params(("id" = Uuid, Path, description = "The order.")),
    responses(
        (status = 202, description = "The order, being cancelled or cancelled.", body = Order),
        Usual, BadBody, Unknown, Elsewhere
    ),
)]
pub(super) async fn cancel(
    State(orders): State<Orders>,
    caller: Caller,
    Path(id): Path<Uuid>,
    NoCardNumbers(body): NoCardNumbers<CancelOrder>,
) -> Result<(StatusCode, Json<Order>), Failure> {
    Ok((StatusCode::ACCEPTED, Json(orders.cancel(&caller, id, body.reason).await?)))
}

/// Ships a confirmed order: from now on it only goes forward. One that is shipped gets the right number.
#[utoipa::path(
    post, path = "/v1/orders/{id}/ship", tag = "operators", security(("bearer" = [])), request_body = ShipOrder,
    params(("id" = Uuid, Path, description = "The order.")),
    responses(
        (status = 200, description = "The shipped order.", body = Order),
        Usual, BadBody, OperatorsOnly, Unknown, Elsewhere
    ),
)]
pub(super) async fn ship(
    State(orders): State<Orders>,
    _: Operator,
    Path(id): Path<Uuid>,
    Json(body): Json<ShipOrder>,
) -> Result<Json<Order>, Failure> {
    Ok(Json(orders.ship(id, body.tracking_number).await?))
}

/// Notes that a shipped order reached its buyer.
#[utoipa::path(
    post, path = "/v1/orders/{id}/deliver", tag = "operators", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The order.")),
    responses(
        (status = 200, description = "The delivered order.", body = Order),
        Usual, OperatorsOnly, Unknown, Elsewhere
    ),
)]
pub(super) async fn deliver(
    State(orders): State<Orders>,
    _: Operator,
    Path(id): Path<Uuid>,
) -> Result<Json<Order>, Failure> {
    Ok(Json(orders.deliver(id).await?))
}
