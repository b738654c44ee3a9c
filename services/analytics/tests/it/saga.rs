//! What the saga that deletes accounts tells analytics.

use contracts::command::{
    Direction, StepRef,
    accounts::{AttachStatistics, DetachStatistics},
};
use uuid::Uuid;

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    let (step, reply_to) = ("detach_statistics".to_owned(), "auth.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt, reply_to }
}

pub(crate) fn detach(owner: Uuid, saga_id: Uuid, attempt: u32) -> DetachStatistics {
    DetachStatistics { step: step(saga_id, Direction::Forward, attempt), auth_user_id: owner }
}

pub(crate) fn attach(owner: Uuid, saga_id: Uuid, attempt: u32) -> AttachStatistics {
    AttachStatistics { step: step(saga_id, Direction::Backward, attempt), auth_user_id: owner }
}
