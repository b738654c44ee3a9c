//! What is written of a saga: its row, and the new lines of its history.

use super::record::{Record, direction_name};
use crate::machine::{Note, Shape};
use chrono::{DateTime, Utc};
use postgres::column;
use sqlx::PgConnection;
use uuid::Uuid;

/// Where a saga stands now, and the new lines of its history.
pub(crate) struct Change {
    record: Record,
    lines: Vec<Line>,
}

/// A row of `saga_history`; its position is given to it by the table.
struct Line {
    saga_id: Uuid,
    at: DateTime<Utc>,
    event: &'static str,
    step: Option<&'static str>,
    direction: Option<&'static str>,
    attempt: Option<i32>,
    actor: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl Change {
    pub(crate) fn new(record: Record, notes: &[Note], shape: &Shape) -> Self {
        let line = |note: &Note| Line {
            saga_id: record.id,
            at: record.updated_at,
            event: note.event.into_str(),
            step: note.step.map(|step| shape.stages[step].name),
            direction: note.direction.map(direction_name),
            attempt: note.attempt.map(signed),
            actor: note.by.clone(),
            code: note.code.clone(),
            message: note.message.clone(),
        };
        Self { lines: notes.iter().map(line).collect(), record }
    }

    /// Whether the saga is to be added.
    pub(crate) fn is_new(&self) -> bool {
        self.record.version == 1
    }
}

/// One in its first version is added, others are moved.
const SAVE: &str = "
    WITH now AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int[], $8::int[],
            $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::bool[], $13::jsonb[], $14::text[], $15::text[],
            $16::text[], $17::text[], $18::text[], $19::bigint[], $20::timestamptz[], $21::timestamptz[],
            $22::timestamptz[], $32::uuid[])
        AS now (id, kind, subject, status, step, direction, attempt, counted_from,
            waits_since, due_at, deadline, settled, data, cause_code, cause_message,
            cause_step, cause_by, traceparent, version, started_at, updated_at, ended_at, command_id)),
    begun AS (
        INSERT INTO sagas (id, kind, subject, status, step, direction, attempt, counted_from,
            waits_since, due_at, deadline, settled, data, cause_code, cause_message,
            cause_step, cause_by, traceparent, version, started_at, updated_at, ended_at, command_id)
        SELECT * FROM now WHERE version = 1),
    moved AS (
        UPDATE sagas s SET updated_at = now.updated_at, status = now.status, step = now.step,
            direction = now.direction, attempt = now.attempt, counted_from = now.counted_from,
            waits_since = now.waits_since, due_at = now.due_at, deadline = now.deadline, settled = now.settled,
            command_id = now.command_id,
            cause_code = now.cause_code, cause_message = now.cause_message, cause_step = now.cause_step,
            cause_by = now.cause_by, version = now.version, ended_at = now.ended_at, data = now.data, not_before = NULL
        FROM now WHERE s.id = now.id AND now.version > 1)
    INSERT INTO saga_history (saga_id, at, event, step, direction, attempt, actor, code, message)
    SELECT * FROM unnest($23::uuid[], $24::timestamptz[], $25::text[], $26::text[], $27::text[], $28::int[], $29::text[],
        $30::text[], $31::text[])";

/// Stores where sagas stand now, with the lines for their history, in one statement.
pub(crate) async fn save(connection: &mut PgConnection, changes: &[Change]) -> sqlx::Result<()> {
    let sagas: Vec<_> = changes.iter().map(|change| &change.record).collect();
    let waits: Vec<_> = sagas.iter().map(|saga| saga.wait.as_ref()).collect();
    let causes: Vec<_> = sagas.iter().map(|saga| saga.cause.as_ref()).collect();
    let lines: Vec<_> = changes.iter().flat_map(|change| &change.lines).collect();
    sqlx::query(SAVE)
        .bind(column(&sagas, |saga| saga.id))
        .bind(column(&sagas, |saga| &*saga.kind))
        .bind(column(&sagas, |saga| &*saga.subject))
        .bind(column(&sagas, |saga| saga.status.into_str()))
        .bind(column(&waits, |wait| wait.map(|wait| &*wait.step)))
        .bind(column(&waits, |wait| wait.map(|wait| direction_name(wait.direction))))
        .bind(column(&waits, |wait| wait.map(|wait| signed(wait.attempt))))
        .bind(column(&waits, |wait| wait.map(|wait| signed(wait.counted_from))))
        .bind(column(&waits, |wait| wait.map(|wait| wait.since)))
        .bind(column(&sagas, |saga| saga.due))
        .bind(column(&sagas, |saga| saga.deadline))
        .bind(column(&sagas, |saga| saga.settled))
        .bind(column(&sagas, |saga| &saga.data))
        .bind(column(&causes, |cause| cause.map(|cause| &*cause.code)))
        .bind(column(&causes, |cause| cause.map(|cause| &*cause.message)))
        .bind(column(&causes, |cause| cause.and_then(|cause| cause.step.as_deref())))
        .bind(column(&causes, |cause| cause.and_then(|cause| cause.by.as_deref())))
        .bind(column(&sagas, |saga| saga.traceparent.as_deref()))
        .bind(column(&sagas, |saga| saga.version))
        .bind(column(&sagas, |saga| saga.started_at))
        .bind(column(&sagas, |saga| saga.updated_at))
        .bind(column(&sagas, |saga| saga.ended_at))
        .bind(column(&lines, |line| line.saga_id))
        .bind(column(&lines, |line| line.at))
        .bind(column(&lines, |line| line.event))
        .bind(column(&lines, |line| line.step))
        .bind(column(&lines, |line| line.direction))
        .bind(column(&lines, |line| line.attempt))
        .bind(column(&lines, |line| line.actor.as_deref()))
        .bind(column(&lines, |line| line.code.as_deref()))
        .bind(column(&lines, |line| line.message.as_deref()))
        .bind(column(&sagas, |saga| saga.command_id))
        .execute(connection)
        .await
        .map(drop)
}

fn signed(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}
