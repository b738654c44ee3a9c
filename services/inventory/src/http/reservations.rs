//! `/v1/reservations`, for operators.

use super::{Operators, Queried, Usual, page};
use crate::app::Inventory;
use axum::extract::State;
use chassis::{
    http::{Failure, Json, Query},
    jwt::Operator,
};
use contracts::rest::inventory::{ListReservations, ReservationPage};

/// Lists reservations, newest first. Those that are `short` wait for somebody to see to them.
#[utoipa::path(
    get, path = "/v1/reservations", tag = "reservations", security(("bearer" = [])), params(ListReservations),
    responses(
        (status = 200, description = "A page of reservations.", body = ReservationPage),
        Queried, Operators, Usual,
    ),
)]
pub(super) async fn list(
    State(inventory): State<Inventory>,
    _operator: Operator,
    Query(request): Query<ListReservations>,
) -> Result<Json<ReservationPage>, Failure> {
    Ok(Json(inventory.reservations(page(request.first)?, &request).await?))
}
