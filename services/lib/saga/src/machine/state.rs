//! What a saga is made of, and where it stands.

use chrono::{DateTime, Utc};
use contracts::command::Direction;
use contracts::rest::sagas::{SagaEvent, SagaStatus};
use std::time::Duration;

/// The steps of a kind of saga, as far as the machine must know them.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The steps, in the order in which they are done.
    pub stages: Vec<Stage>,
    /// The step behind which there is only forward.
    pub pivot: Option<usize>,
}

/// One step.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// Where it is done.
    pub place: Place,
    /// Where it is undone; nothing when there is nothing to undo.
    pub undo: Option<Place>,
    /// How long a reply may take.
    pub timeout: Duration,
    /// How many attempts are made before the pivot.
    pub tries: u32,
}

/// Where a step happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It was done in the transaction that started the saga.
    Begun,
    /// In the transaction of the transition.
    Local,
    /// At a participant, over the broker.
    Remote,
}

impl Shape {
    /// Whether the saga can no longer turn back while it waits for `step`: it is behind the pivot, or
    /// the pivot's command is out, so that it may be done.
    #[must_use]
    pub fn committed(&self, step: usize) -> bool {
        self.pivot.is_some_and(|pivot| step > pivot || (step == pivot && self.stages[pivot].place == Place::Remote))
    }

    /// Whether the saga can no longer turn back once `step` is done.
    #[must_use]
    pub fn passed(&self, step: usize) -> bool {
        self.pivot.is_some_and(|pivot| step >= pivot)
    }

    /// Where the step is done or undone.
    #[must_use]
    pub fn place(&self, step: usize, direction: Direction) -> Option<Place> {
        let stage = self.stages.get(step)?;
        match direction {
            Direction::Forward => Some(stage.place),
            Direction::Backward => stage.undo,
        }
    }
}

/// Where a saga stands. Steps before the one that it waits for are done, later ones are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// How it stands.
    pub status: SagaStatus,
    /// What it waits for; nothing at the end.
    pub wait: Option<Wait>,
    /// When it goes on by itself.
    pub due: Option<DateTime<Utc>>,
    /// When it turns back, if it still can.
    pub deadline: DateTime<Utc>,
    /// Why it turned back.
    pub cause: Option<Cause>,
    /// Whether an operator has seen to one of its steps.
    pub settled: bool,
}

/// What a saga waits for: the reply to one attempt at one step. Never twice the same in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// The step's index.
    pub step: usize,
    /// Whether it is done or undone.
    pub direction: Direction,
    /// Which attempt it is, from 1.
    pub attempt: u32,
    /// The attempt from which patience is counted: 1, or where an operator had it tried again.
    pub counted_from: u32,
    /// When the first attempt was made.
    pub since: DateTime<Utc>,
}

impl Wait {
    /// How many attempts were made, as patience counts them.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.attempt - self.counted_from + 1
    }
}

/// Why a saga turned back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// For a program: a participant's own code, or one of the constants here.
    pub code: String,
    /// For a person.
    pub message: String,
    /// The step at which it happened.
    pub step: Option<String>,
    /// Who cancelled it.
    pub by: Option<String>,
}

impl Cause {
    /// The code when a participant did not reply to any attempt.
    pub const TIMEOUT: &'static str = "timeout";
    /// The code when the saga took too long.
    pub const DEADLINE: &'static str = "deadline";
    /// The code when somebody cancelled the saga.
    pub const CANCELLED: &'static str = "cancelled";
    /// The code when a local step failed again and again.
    pub const FAILED: &'static str = "failed";
}

/// A line for the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What happened.
    pub event: SagaEvent,
    /// At which step.
    pub step: Option<usize>,
    /// Whether it was being done or undone.
    pub direction: Option<Direction>,
    /// At which attempt.
    pub attempt: Option<u32>,
    /// Who did it.
    pub by: Option<String>,
    /// Why, for a program.
    pub code: Option<String>,
    /// Why, for a person.
    pub message: Option<String>,
}

impl Note {
    /// Something that happened to the saga as a whole.
    pub(super) fn new(event: SagaEvent) -> Self {
        Self { event, step: None, direction: None, attempt: None, by: None, code: None, message: None }
    }

    /// Something that happened at a step.
    pub(super) fn at(event: SagaEvent, wait: &Wait) -> Self {
        let Wait { step, direction, attempt, .. } = *wait;
        Self { step: Some(step), direction: Some(direction), attempt: Some(attempt), ..Self::new(event) }
    }

    pub(super) fn by(self, by: impl Into<String>) -> Self {
        Self { by: Some(by.into()), ..self }
    }

    pub(super) fn code(self, code: impl Into<String>) -> Self {
        Self { code: Some(code.into()), ..self }
    }

    pub(super) fn message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps, the second of them the pivot.
    fn shape(pivot: Place) -> Shape {
        let stage = |place| Stage { name: "step", place, undo: None, timeout: Duration::from_secs(30), tries: 3 };
        Shape { stages: [Place::Remote, pivot, Place::Remote].map(stage).into(), pivot: Some(1) }
    }

    #[test]
    fn a_saga_can_turn_back_until_its_pivot_may_be_done() {
        let committed = |shape: &Shape| [0, 1, 2].map(|step| shape.committed(step));
        assert_eq!(committed(&shape(Place::Remote)), [false, true, true], "its command is out");
        assert_eq!(committed(&shape(Place::Local)), [false, false, true], "it is done with the transition");
        assert_eq!(committed(&Shape { pivot: None, ..shape(Place::Remote) }), [false; 3]);
    }

    #[test]
    fn a_note_tells_who_and_why() {
        let note = Note::new(SagaEvent::Refused).by("olga").code("declined").message("no money");
        let told = (note.by.as_deref(), note.code.as_deref(), note.message.as_deref());
        assert_eq!(told, (Some("olga"), Some("declined"), Some("no money")));
    }
}
