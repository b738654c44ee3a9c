//! `/v1/reservations`, for operators.

use super::page;
use crate::app::Inventory;
use axum::extract::State;
use chassis::http::documented::{BadQuery, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path, Query};
use chassis::jwt::Operator;
use contracts::problem::Problem;
use contracts::rest::inventory::{ListReservations, Reservation, ReservationPage};
use uuid::Uuid;

/// Lists reservations, newest first. Those that are `short` wait for somebody to see to them.
#[utoipa::path(
    get, path = "/v1/reservations", tag = "reservations", security(("bearer" = [])), params(ListReservations),
    responses(
        (status = 200, description = "A page of reservations.", body = ReservationPage),
        BadQuery, OperatorsOnly, Usual,
    ),
)]
pub(super) async fn list(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Query(request): Query<ListReservations>,
) -> Result<Json<ReservationPage>, Failure> {
    Ok(Json(inventory.reservations(page(request.first)?, &request).await?))
}

/// Lets the pieces of a `short` reservation leave with their order after all, once it is restocked. One that is
/// fulfilled stays so, and is answered alike.
#[utoipa::path(
    post, path = "/v1/reservations/{id}/fulfil", tag = "reservations", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The reservation.")),
    responses(
        (status = 200, description = "The pieces have left.", body = Reservation),
        (status = 404, description = "`not_found`: there is no such reservation.", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: it is not short, or there still are too few pieces.", body = Problem, content_type = "application/problem+json"),
        OperatorsOnly, Usual,
    ),
)]
pub(super) async fn fulfil(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<Json<Reservation>, Failure> {
    Ok(Json(inventory.fulfil_short(id).await?))
}
