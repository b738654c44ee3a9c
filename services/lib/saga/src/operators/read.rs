//! Looking at sagas.

use super::steps;
use crate::engine::Engine;
use crate::error::Error;
use crate::store::{Filter, Record};
use axum::extract::State;
use chassis::http::documented::{BadQuery, OperatorsOnly, Usual};
use chassis::http::{Failure, Json, Path, Query};
use chassis::jwt::Operator;
use chassis::page::{InvalidCursor, PageRequest, cursor, read_cursor};
use chrono::{DateTime, Utc};
use contracts::field_errors::FieldErrors;
use contracts::moment::is_kept;
use contracts::problem::Problem;
use contracts::rest::sagas::{ListSagas, Saga, SagaCause, SagaDetail, SagaItem, SagaPage, SagaStatus};
use strum::VariantArray;
use uuid::Uuid;

/// What cursors of this list are told from others by.
const LIST: &str = "sagas";
/// How long a kind or a subject may be, in characters.
const NAME_AT_MOST: usize = 200;

/// The answer where no saga has the id.
#[derive(utoipa::IntoResponses)]
#[allow(dead_code)]
pub(super) enum NoSaga {
    /// `not_found`.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
}

/// Lists sagas, the latest first.
#[utoipa::path(
    get, path = "/v1/sagas", tag = "sagas", security(("bearer" = [])), params(ListSagas),
    responses(
        (status = 200, description = "A page of sagas.", body = SagaPage),
        Usual, OperatorsOnly, BadQuery,
    ),
)]
pub(super) async fn list(
    State(engine): State<Engine>,
    _: Operator,
    Query(request): Query<ListSagas>,
) -> Result<Json<SagaPage>, Failure> {
    let (page, filter) = wanted(&request)?;
    let found = page.page(engine.list(&filter).await?);
    let items =
        found.rows.into_iter().map(|record| SagaItem { cursor: cursor(LIST, place(&record)), saga: present(record) });
    Ok(Json(SagaPage { items: items.collect(), has_next_page: found.has_next_page }))
}

/// Tells a saga step by step.
#[utoipa::path(
    get, path = "/v1/sagas/{id}", tag = "sagas", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The saga's id.")),
    responses(
        (status = 200, description = "The saga.", body = SagaDetail),
        Usual, OperatorsOnly, NoSaga,
    ),
)]
pub(super) async fn detail(
    State(engine): State<Engine>,
    _: Operator,
    Path(id): Path<Uuid>,
) -> Result<Json<SagaDetail>, Failure> {
    Ok(Json(read(&engine, id).await?))
}

/// Reads a saga with its steps and its history.
pub(super) async fn read(engine: &Engine, id: Uuid) -> Result<SagaDetail, Error> {
    let record = engine.find(id).await?.ok_or(Error::NotFound)?;
    let history = engine.history(id).await?;
    // The history tells of sagas whose definition is gone, too; it only cannot tell what had been left to do.
    let flow = engine.unit.flow(&record.kind).ok();
    let shape = flow.as_ref().map(|flow| flow.shape());
    Ok(SagaDetail { saga: present(record), steps: steps::tell(shape, &history), history })
}

fn wanted(request: &ListSagas) -> Result<(PageRequest, Filter), Failure> {
    let mut fields = FieldErrors::default();
    let page = fields.take("first", PageRequest::parse(request.first));
    let status = request.status.as_deref().and_then(|name| {
        let all = || SagaStatus::VARIANTS.iter().map(|status| status.into_str()).collect::<Vec<_>>().join(", ");
        fields.take("status", name.parse::<SagaStatus>().map_err(|_| format!("must be one of {}", all())))
    });
    for (field, given) in [("kind", &request.kind), ("subject", &request.subject)] {
        if given.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > NAME_AT_MOST) {
            fields.refuse(field, format!("must have 1 to {NAME_AT_MOST} characters"));
        }
    }
    fields.finish()?;
    let page = page.unwrap_or_default();
    let after = read_cursor(LIST, request.after.as_deref())?.map(read_place).transpose()?;
    let filter =
        Filter { status, kind: request.kind.clone(), subject: request.subject.clone(), after, limit: page.limit() };
    Ok((page, filter))
}

/// A place in the list: when the saga was started, in microseconds, and its id.
fn place(record: &Record) -> Vec<u8> {
    let at = record.started_at.timestamp_micros().to_be_bytes();
    [&at[..], record.id.as_bytes()].concat()
}

fn read_place(place: [u8; 24]) -> Result<(DateTime<Utc>, Uuid), InvalidCursor> {
    let [at, first, second] = *place.as_chunks::<8>().0 else { return Err(InvalidCursor) };
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(at)).filter(|at| is_kept(*at)).ok_or(InvalidCursor)?;
    Ok((at, Uuid::from_u64_pair(u64::from_be_bytes(first), u64::from_be_bytes(second))))
}

fn present(record: Record) -> Saga {
    let trace_id = record.trace_id().map(ToOwned::to_owned);
    let (direction, attempt) = record.wait.as_ref().map(|wait| (wait.direction, wait.attempt)).unzip();
    Saga {
        id: record.id,
        kind: record.kind,
        subject: record.subject,
        status: record.status,
        step: record.wait.map(|wait| wait.step),
        direction,
        attempt,
        due_at: record.due,
        deadline: record.deadline,
        cause: record.cause.map(|cause| SagaCause {
            code: cause.code,
            message: cause.message,
            step: cause.step,
            by: cause.by,
        }),
        trace_id,
        version: record.version.unsigned_abs(),
        started_at: record.started_at,
        updated_at: record.updated_at,
        ended_at: record.ended_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_no_time_is_refused() {
        assert_eq!(read_place([0; 24]), Ok((DateTime::UNIX_EPOCH, Uuid::nil())));
        assert_eq!(read_place([0x7f; 24]), Err(InvalidCursor));
        // A time that chrono knows, and Postgres does not.
        let mut ancient = [0; 24];
        ancient[..8].copy_from_slice(&(-300_000_000_000_000_000_i64).to_be_bytes());
        assert_eq!(read_place(ancient), Err(InvalidCursor));
    }
}
