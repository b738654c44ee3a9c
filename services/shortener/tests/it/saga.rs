//! What the saga that deletes accounts tells shortener.

use contracts::command::{
    Direction, StepRef,
    accounts::{DisableLinks, EnableLinks},
};
use uuid::Uuid;

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    let (step, reply_to) = ("disable_links".to_owned(), "auth.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt, reply_to }
}

pub(crate) fn disable(owner: Uuid, saga_id: Uuid, attempt: u32) -> DisableLinks {
    DisableLinks { step: step(saga_id, Direction::Forward, attempt), auth_user_id: owner }
}

pub(crate) fn enable(owner: Uuid, saga_id: Uuid, attempt: u32) -> EnableLinks {
    EnableLinks { step: step(saga_id, Direction::Backward, attempt), auth_user_id: owner }
}
