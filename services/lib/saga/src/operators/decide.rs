//! What operators do to sagas.

use super::read::{NoSaga, read};
use crate::engine::Engine;
use crate::error::Error;
use crate::machine::Input;
use crate::store::Lock;
use axum::extract::State;
use chassis::http::documented::{BadBody, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path, log_fields};
use chassis::jwt::Operator;
use contracts::problem::Problem;
use contracts::rest::sagas::{DecideSaga, SagaDetail};
use uuid::Uuid;

/// How long a reason may be, in characters.
const REASON_AT_MOST: usize = 500;

/// Has the step that a saga waits for tried again, now: one that needs attention, or is late in being undone.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/retry", tag = "sagas", security(("bearer" = [])), request_body = DecideSaga,
    params(("id" = Uuid, Path, description = "The saga's id.")),
    responses(
        (status = 200, description = "The saga as it is now.", body = SagaDetail),
        (status = 409, description = "`conflict`: there is no step that could be tried again.", body = Problem, content_type = "application/problem+json"),
        Usual, OperatorsOnly, BadBody, NoSaga,
    ),
)]
pub(super) async fn retry(
    State(engine): State<Engine>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Json(body): Json<DecideSaga>,
) -> Result<Json<SagaDetail>, Failure> {
    decide(&engine, &operator, id, body, |by, reason| Input::Retry { by, reason }).await
}

/// Turns a saga back: one under way before its pivot, or one that is completed and not closed.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/cancel", tag = "sagas", security(("bearer" = [])), request_body = DecideSaga,
    params(("id" = Uuid, Path, description = "The saga's id.")),
    responses(
        (status = 200, description = "The saga as it is now.", body = SagaDetail),
        (status = 409, description = "`conflict`: it has turned back, passed its pivot, was closed or has ended.", body = Problem, content_type = "application/problem+json"),
        Usual, OperatorsOnly, BadBody, NoSaga,
    ),
)]
pub(super) async fn cancel(
    State(engine): State<Engine>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Json(body): Json<DecideSaga>,
) -> Result<Json<SagaDetail>, Failure> {
    decide(&engine, &operator, id, body, |by, reason| Input::Cancel { by, reason }).await
}

/// Notes that the step that needs attention was seen to by hand: the saga goes on with the rest, and ends `settled`.
#[utoipa::path(
    post, path = "/v1/sagas/{id}/settle", tag = "sagas", security(("bearer" = [])), request_body = DecideSaga,
    params(("id" = Uuid, Path, description = "The saga's id.")),
    responses(
        (status = 200, description = "The saga as it is now.", body = SagaDetail),
        (status = 409, description = "`conflict`: it needs no attention.", body = Problem, content_type = "application/problem+json"),
        Usual, OperatorsOnly, BadBody, NoSaga,
    ),
)]
pub(super) async fn settle(
    State(engine): State<Engine>,
    operator: Operator,
    Path(id): Path<Uuid>,
    Json(body): Json<DecideSaga>,
) -> Result<Json<SagaDetail>, Failure> {
    decide(&engine, &operator, id, body, |by, reason| Input::Settle { by, reason }).await
}

async fn decide(
    engine: &Engine,
    Operator(caller): &Operator,
    id: Uuid,
    body: DecideSaga,
    input: impl FnOnce(String, String) -> Input,
) -> Result<Json<SagaDetail>, Failure> {
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON_AT_MOST {
        return Err(Failure::field("reason", format!("must have 1 to {REASON_AT_MOST} characters")));
    }
    log_fields::add("saga.id", id.to_string());
    let input = input(caller.user_id.to_string(), reason.to_owned());
    engine.transact(id, &input.into(), Lock::Wait).await?;
    Ok(Json(read(engine, id).await.map_err(|error| match error {
        Error::NotFound => Failure::internal(error),
        error => error.into(),
    })?))
}
