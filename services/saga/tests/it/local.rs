//! Steps in the service's own transaction.

use crate::{
    checkout::{Checkout, RELEASE},
    world::World,
};
use contracts::{command::Direction, rest::sagas::SagaStatus};
use saga::Cause;
use std::sync::{Arc, atomic::AtomicU32};

const CONFIRM: (&str, Direction) = ("confirm_order", Direction::Forward);

#[tokio::test]
async fn a_local_step_that_fails_is_rolled_back_and_tried_again() {
    let failures = Arc::new(AtomicU32::new(2));
    let world = World::new(Checkout { failures, ..Checkout::default() }).await;
    let id = world.place().await;
    for attempt in 1..=2 {
        world.until_waits_for(id, CONFIRM, attempt).await;
        assert_eq!(world.order(id).await, ("pending".to_owned(), None, 0));
        world.hurry(id).await;
    }
    world.until(id, SagaStatus::Completed).await;
    assert_eq!(world.order(id).await, ("confirmed".to_owned(), None, 1));
    assert_eq!(world.participants.heard(id).len(), 2);
}

#[tokio::test]
async fn one_that_fails_for_ever_turns_the_saga_back() {
    let failures = Arc::new(AtomicU32::new(u32::MAX));
    let world = World::new(Checkout { failures, ..Checkout::default() }).await;
    let id = world.place().await;
    for attempt in 1..=2 {
        world.until_waits_for(id, CONFIRM, attempt).await;
        world.hurry(id).await;
    }
    let saga = world.until(id, SagaStatus::Compensated).await;
    let cause = saga.cause.unwrap();
    assert_eq!((&*cause.code, cause.step.as_deref()), (Cause::FAILED, Some("confirm_order")));
    assert_eq!(world.order(id).await, ("given_up".to_owned(), Some(Cause::FAILED.to_owned()), 0));
}

#[tokio::test]
async fn one_that_refuses_turns_the_saga_back_in_the_same_transaction() {
    let world = World::new(Checkout { refuses: true, ..Checkout::default() }).await;
    world.participants.take(RELEASE, crate::participants::Mood::Holds);
    let id = world.place().await;
    world.until_waits_for(id, RELEASE, 1).await;
    let saga = world.saga(id).await;
    assert_eq!(saga.cause.unwrap().code, "too_late");
}
