//! A saga as it is stored.

use crate::machine::{Cause, Shape, State, Wait};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use contracts::command::Direction;
use contracts::rest::sagas::SagaStatus;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};
use uuid::Uuid;

/// A saga as it is stored.
#[derive(Debug, Clone)]
pub struct Record {
    /// Identifies it.
    pub id: Uuid,
    /// Its definition's name.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// How it stands.
    pub status: SagaStatus,
    /// What it waits for; nothing at the end.
    pub wait: Option<Waiting>,
    /// The command that it waits for a reply to, as it stood in the outbox.
    pub command_id: Option<Uuid>,
    /// When the sweep moves it on.
    pub due: Option<DateTime<Utc>>,
    /// When it turns back, if it still can.
    pub deadline: DateTime<Utc>,
    /// Whether an operator has seen to one of its steps.
    pub settled: bool,
    /// What it knows.
    pub data: Value,
    /// Why it turned back.
    pub cause: Option<Cause>,
    /// The trace context in which it was started.
    pub traceparent: Option<String>,
    /// Grows with every change.
    pub version: i64,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
}

/// What a saga waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The step's name.
    pub step: String,
    /// Whether it is done or undone.
    pub direction: Direction,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The attempt from which patience is counted.
    pub counted_from: u32,
    /// When the first attempt was made.
    pub since: DateTime<Utc>,
}

impl Record {
    /// Where it stands, as the machine sees it.
    ///
    /// # Errors
    /// Fails when it waits for a step that its definition does not have any more.
    pub(crate) fn state(&self, shape: &Shape) -> anyhow::Result<State> {
        let wait = self.wait.as_ref().map(|wait| wait.place(shape)).transpose()?;
        Ok(State {
            status: self.status,
            wait,
            due: self.due,
            deadline: self.deadline,
            cause: self.cause.clone(),
            settled: self.settled,
        })
    }

    /// Takes over a new state.
    pub(crate) fn put(&mut self, state: State, shape: &Shape, now: DateTime<Utc>) {
        let name = |step: usize| shape.stages[step].name.to_owned();
        self.wait = state.wait.map(|Wait { step, direction, attempt, counted_from, since }| Waiting {
            step: name(step),
            direction,
            attempt,
            counted_from,
            since,
        });
        self.ended_at = match state.status {
            SagaStatus::Closed => self.ended_at,
            SagaStatus::Completed | SagaStatus::Compensated | SagaStatus::Settled => Some(now),
            SagaStatus::Running | SagaStatus::Compensating | SagaStatus::NeedsAttention => None,
        };
        (self.status, self.due, self.settled) = (state.status, state.due, state.settled);
        self.deadline = state.deadline;
        (self.cause, self.updated_at, self.version) = (state.cause, now, self.version + 1);
    }

    /// The id of the trace in which it was started.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }
}

impl Waiting {
    fn place(&self, shape: &Shape) -> anyhow::Result<Wait> {
        let step = shape.stages.iter().position(|stage| stage.name == self.step);
        let step =
            step.with_context(|| format!("the saga waits for step {}, which is not there any more", self.step))?;
        let Self { direction, attempt, counted_from, since, .. } = *self;
        Ok(Wait { step, direction, attempt, counted_from, since })
    }
}

/// The direction as it is stored.
pub(super) const fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    }
}

/// The direction that is stored so.
pub(super) fn direction(name: &str) -> Direction {
    if name == "backward" { Direction::Backward } else { Direction::Forward }
}

impl FromRow<'_, PgRow> for Record {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let status: &str = row.try_get("status")?;
        let unknown = || sqlx::Error::Decode(format!("there is no status {status}").into());
        Ok(Self {
            id: row.try_get("id")?,
            kind: row.try_get("kind")?,
            subject: row.try_get("subject")?,
            status: status.parse().map_err(|_| unknown())?,
            wait: waiting(row)?,
            command_id: row.try_get("command_id")?,
            due: row.try_get("due_at")?,
            deadline: row.try_get("deadline")?,
            settled: row.try_get("settled")?,
            data: row.try_get("data")?,
            cause: cause(row)?,
            traceparent: row.try_get("traceparent")?,
            version: row.try_get("version")?,
            started_at: row.try_get("started_at")?,
            updated_at: row.try_get("updated_at")?,
            ended_at: row.try_get("ended_at")?,
        })
    }
}

fn waiting(row: &PgRow) -> sqlx::Result<Option<Waiting>> {
    let Some(step) = row.try_get::<Option<String>, _>("step")? else { return Ok(None) };
    Ok(Some(Waiting {
        step,
        direction: direction(row.try_get("direction")?),
        attempt: row.try_get::<i32, _>("attempt")?.unsigned_abs(),
        counted_from: row.try_get::<i32, _>("counted_from")?.unsigned_abs(),
        since: row.try_get("waits_since")?,
    }))
}

fn cause(row: &PgRow) -> sqlx::Result<Option<Cause>> {
    let Some(code) = row.try_get::<Option<String>, _>("cause_code")? else { return Ok(None) };
    let message: Option<String> = row.try_get("cause_message")?;
    let (step, by) = (row.try_get("cause_step")?, row.try_get("cause_by")?);
    Ok(Some(Cause { code, message: message.unwrap_or_default(), step, by }))
}
