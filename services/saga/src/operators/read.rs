//! Looking at sagas.

use super::steps;
use crate::{
    engine::Engine,
    error::Error,
    store::{Filter, Record},
};
use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chassis::{
    http::{Failure, Fields, Json, Path, Query},
    jwt::Operator,
};
use chrono::{DateTime, Utc};
use contracts::{
    problem::{Code, Problem},
    rest::sagas::{ListSagas, Saga, SagaCause, SagaDetail, SagaItem, SagaPage, SagaStatus},
};
use uuid::Uuid;

/// How many sagas are listed when the request does not say.
const LISTED: u32 = 20;
/// How many are listed at most.
const LISTED_AT_MOST: u32 = 100;
/// How long a kind or a subject may be, in characters.
const NAME_AT_MOST: usize = 200;

/// Lists sagas, the latest first.
#[utoipa::path(
    get, path = "/v1/sagas", tag = "operators", security(("bearer" = [])), params(ListSagas),
    responses(
        (status = 200, description = "A page of sagas.", body = SagaPage),
        (status = 400, description = "`validation_failed`, with the fields, or `invalid_cursor`.", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: this needs the operator role.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(engine): State<Engine>,
    _: Operator,
    Query(request): Query<ListSagas>,
) -> Result<Json<SagaPage>, Failure> {
    let first = request.first.unwrap_or(LISTED);
    let filter = filter(&request, first)?;
    let mut records = engine.list(&filter).await?;
    let has_next_page = records.len() > first as usize;
    records.truncate(first as usize);
    let items = records.into_iter().map(|record| SagaItem { cursor: cursor(&record), saga: present(record) }).collect();
    Ok(Json(SagaPage { items, has_next_page }))
}

/// Tells a saga step by step.
#[utoipa::path(
    get, path = "/v1/sagas/{id}", tag = "operators", security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The saga's id.")),
    responses(
        (status = 200, description = "The saga.", body = SagaDetail),
        (status = 401, description = "`unauthenticated` or `invalid_token`.", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: this needs the operator role.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`.", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`, with `Retry-After`.", body = Problem, content_type = "application/problem+json"),
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
    let flow = engine.flow(&record.kind).ok();
    let shape = flow.as_ref().map(|flow| flow.shape());
    Ok(SagaDetail { saga: present(record), steps: steps::tell(shape, &history), history })
}

fn filter(request: &ListSagas, first: u32) -> Result<Filter, Failure> {
    let mut fields = Fields::default();
    if !(1..=LISTED_AT_MOST).contains(&first) {
        fields.refuse("first", format!("must be 1 to {LISTED_AT_MOST}"));
    }
    let status = request.status.as_deref().and_then(|name| {
        let known = SagaStatus::parse(name);
        if known.is_none() {
            let all: Vec<_> = SagaStatus::ALL.iter().map(|status| status.as_str()).collect();
            fields.refuse("status", format!("must be one of {}", all.join(", ")));
        }
        known
    });
    for (field, given) in [("kind", &request.kind), ("subject", &request.subject)] {
        if given.as_ref().is_some_and(|text| text.is_empty() || text.chars().count() > NAME_AT_MOST) {
            fields.refuse(field, format!("must have 1 to {NAME_AT_MOST} characters"));
        }
    }
    fields.finish()?;
    let after = request.after.as_deref().map(place).transpose()?;
    // One more than is shown tells whether more follow.
    Ok(Filter { status, kind: request.kind.clone(), subject: request.subject.clone(), after, limit: first + 1 })
}

/// A place in the list: when the saga was started, in microseconds, and its id.
fn cursor(record: &Record) -> String {
    let mut bytes = record.started_at.timestamp_micros().to_be_bytes().to_vec();
    bytes.extend(record.id.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn place(cursor: &str) -> Result<(DateTime<Utc>, Uuid), Failure> {
    let invalid = || Failure::new(Code::InvalidCursor, "The cursor was not made for this list.");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    let (at, id) = bytes.split_first_chunk::<8>().ok_or_else(invalid)?;
    let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*at)).ok_or_else(invalid)?;
    Ok((at, Uuid::from_slice(id).map_err(|_| invalid())?))
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
    fn a_cursor_that_is_not_ours_is_refused() {
        for bad in ["", "x", "!!!", "AAAA", "AAAAAAAAAAAAAAAA"] {
            assert_eq!(place(bad).unwrap_err().code(), Code::InvalidCursor, "{bad}");
        }
    }
}
