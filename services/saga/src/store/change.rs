//! What is written of a saga: rows of the two tables, as JSON that Postgres makes rows of.

use super::record::{Record, direction_name};
use crate::machine::{Note, Shape};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// Where a saga stands now, and the new lines of its history.
pub(crate) struct Change {
    pub(super) row: Row,
    pub(super) lines: Vec<Line>,
}

impl Change {
    pub(crate) fn new(record: &Record, notes: &[Note], shape: &Shape) -> Self {
        let line = |note: &Note| Line {
            saga_id: record.id,
            at: record.updated_at,
            event: note.event.as_str(),
            step: note.step.map(|step| shape.stages[step].name),
            direction: note.direction.map(direction_name),
            attempt: note.attempt,
            actor: note.by.clone(),
            code: note.code.clone(),
            message: note.message.clone(),
        };
        Self { row: Row::new(record), lines: notes.iter().map(line).collect() }
    }

    /// Whether the saga is to be added.
    pub(crate) fn is_new(&self) -> bool {
        self.row.version == 1
    }
}

/// A row of `sagas`.
#[derive(Serialize)]
pub(super) struct Row {
    id: Uuid,
    kind: String,
    subject: String,
    status: &'static str,
    step: Option<String>,
    direction: Option<&'static str>,
    attempt: Option<u32>,
    counted_from: Option<u32>,
    waits_since: Option<DateTime<Utc>>,
    due_at: Option<DateTime<Utc>>,
    deadline: DateTime<Utc>,
    settled: bool,
    data: Value,
    cause_code: Option<String>,
    cause_message: Option<String>,
    cause_step: Option<String>,
    cause_by: Option<String>,
    traceparent: Option<String>,
    version: i64,
    started_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
}

impl Row {
    fn new(record: &Record) -> Self {
        let (wait, cause) = (record.wait.as_ref(), record.cause.as_ref());
        Self {
            id: record.id,
            kind: record.kind.clone(),
            subject: record.subject.clone(),
            status: record.status.as_str(),
            step: wait.map(|wait| wait.step.clone()),
            direction: wait.map(|wait| direction_name(wait.direction)),
            attempt: wait.map(|wait| wait.attempt),
            counted_from: wait.map(|wait| wait.counted_from),
            waits_since: wait.map(|wait| wait.since),
            due_at: record.due,
            deadline: record.deadline,
            settled: record.settled,
            data: record.data.clone(),
            cause_code: cause.map(|cause| cause.code.clone()),
            cause_message: cause.map(|cause| cause.message.clone()),
            cause_step: cause.and_then(|cause| cause.step.clone()),
            cause_by: cause.and_then(|cause| cause.by.clone()),
            traceparent: record.traceparent.clone(),
            version: record.version,
            started_at: record.started_at,
            updated_at: record.updated_at,
            ended_at: record.ended_at,
        }
    }
}

/// A row of `saga_history`; its position is given to it by the table.
#[derive(Serialize)]
pub(super) struct Line {
    saga_id: Uuid,
    at: DateTime<Utc>,
    event: &'static str,
    step: Option<&'static str>,
    direction: Option<&'static str>,
    attempt: Option<u32>,
    actor: Option<String>,
    code: Option<String>,
    message: Option<String>,
}
