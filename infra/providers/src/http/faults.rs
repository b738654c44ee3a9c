//! `/payments/v1/faults`.

use super::State;
use crate::faults::FaultList;
use axum::extract;
use axum::http::StatusCode;
use chassis::http::{Failure, Json};
use contracts::field_errors::FieldErrors;
use contracts::problem::Problem;

/// Lists the faults that are switched on, with how often each still strikes.
#[utoipa::path(
    get, path = "/payments/v1/faults", tag = "faults", security(("bearer" = [])),
    responses((status = 200, description = "The faults.", body = FaultList)),
)]
pub(super) async fn list(extract::State(state): extract::State<State>) -> Json<FaultList> {
    Json(state.faults.list())
}

/// Switches these faults on, and all others off.
#[utoipa::path(
    put, path = "/payments/v1/faults", tag = "faults", security(("bearer" = [])), request_body = FaultList,
    responses(
        (status = 200, description = "The faults.", body = FaultList),
        (status = 400, description = "`validation_failed`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn replace(
    extract::State(state): extract::State<State>,
    Json(list): Json<FaultList>,
) -> Result<Json<FaultList>, Failure> {
    let mut fields = FieldErrors::default();
    for (place, fault) in list.faults.iter().enumerate() {
        if !(0.0..=1.0).contains(&fault.probability) {
            fields.refuse(format!("faults[{place}].probability"), "must be 0 to 1");
        }
        if fault.remaining == Some(0) {
            fields.refuse(format!("faults[{place}].remaining"), "must be at least 1");
        }
    }
    fields.finish()?;
    tracing::info!(faults = ?list.faults, "Faults were switched.");
    state.faults.replace(list);
    Ok(Json(state.faults.list()))
}

/// Switches all faults off.
#[utoipa::path(
    delete, path = "/payments/v1/faults", tag = "faults", security(("bearer" = [])),
    responses((status = 204, description = "There are none any more.")),
)]
pub(super) async fn clear(extract::State(state): extract::State<State>) -> StatusCode {
    state.faults.replace(FaultList { faults: Vec::new(), seed: None });
    StatusCode::NO_CONTENT
}
