//! How the steps of a saga stand, by its history.

use crate::machine::Shape;
use contracts::command::Direction;
use contracts::rest::sagas::{SagaEvent, SagaRecord, SagaStep, SagaStepState};

/// Tells of every step of `shape`, and of those that only the history knows.
pub(super) fn tell(shape: Option<&Shape>, history: &[SagaRecord]) -> Vec<SagaStep> {
    let mut steps: Vec<SagaStep> = Vec::new();
    for (index, stage) in shape.iter().flat_map(|shape| shape.stages.iter().enumerate()) {
        let pivot = shape.is_some_and(|shape| shape.pivot == Some(index));
        steps.push(SagaStep { pivot, ..untouched(stage.name) });
    }
    for record in history {
        if record.event == SagaEvent::TurnedBack {
            let open = |step: &&mut SagaStep| step.state == SagaStepState::Running;
            steps.iter_mut().filter(open).for_each(|step| step.state = SagaStepState::Unknown);
        }
        let (Some(name), Some(direction)) = (&record.step, record.direction) else { continue };
        let index = steps.iter().position(|step| step.name == *name).unwrap_or_else(|| {
            steps.push(untouched(name));
            steps.len() - 1
        });
        note(&mut steps[index], record, direction);
    }
    steps
}

fn note(step: &mut SagaStep, record: &SagaRecord, direction: Direction) {
    let attempt = record.attempt.unwrap_or_default();
    match direction {
        Direction::Forward => {
            step.attempts = step.attempts.max(attempt);
            step.began_at = step.began_at.or(Some(record.at));
        }
        Direction::Backward => {
            step.undo_attempts = step.undo_attempts.max(attempt);
            step.undo_began_at = step.undo_began_at.or(Some(record.at));
        }
    }
    step.state = match (record.event, direction) {
        (SagaEvent::Answered | SagaEvent::Done, _) => SagaStepState::Done,
        (SagaEvent::Refused, Direction::Forward) => SagaStepState::Refused,
        (SagaEvent::Undone, _) => SagaStepState::Undone,
        (SagaEvent::Settled, _) => SagaStepState::Settled,
        (_, Direction::Forward) => SagaStepState::Running,
        (_, Direction::Backward) => SagaStepState::Undoing,
    };
    match step.state {
        SagaStepState::Done | SagaStepState::Refused => step.ended_at = Some(record.at),
        SagaStepState::Undone => step.undone_at = Some(record.at),
        _ => {}
    }
}

fn untouched(name: &str) -> SagaStep {
    SagaStep {
        name: name.to_owned(),
        state: SagaStepState::Waiting,
        pivot: false,
        attempts: 0,
        began_at: None,
        ended_at: None,
        undo_attempts: 0,
        undo_began_at: None,
        undone_at: None,
    }
}
