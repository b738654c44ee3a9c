//! Sagas that need an operator. The operators' own routes are in [`operators`](crate::operators).

use crate::{
    checkout::{CHARGE, Checkout, RELEASE},
    participants::Mood,
    world::World,
};
use contracts::rest::sagas::SagaStatus;

#[tokio::test]
async fn a_compensation_that_is_refused_calls_for_an_operator_at_once() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    world.participants.take(RELEASE, Mood::Refuses("gone"));
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::NeedsAttention).await;
    assert!(saga.due.is_none() && saga.ended_at.is_none());
    assert_eq!(saga.cause.unwrap().code, "declined");
    assert_eq!(world.order(id).await.0, "pending");
    let story = world.events(id).await;
    assert_eq!(story[story.len() - 2..], ["refused reserve_stock", "needs_attention reserve_stock"]);
}

#[tokio::test]
async fn twelve_attempts_without_an_answer_call_for_one_and_a_late_answer_relieves_them() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    world.participants.take(RELEASE, Mood::Holds);
    let id = world.place().await;
    for attempt in 1..=12 {
        world.until_waits_for(id, RELEASE, attempt).await;
        world.hurry(id).await;
    }
    world.until(id, SagaStatus::NeedsAttention).await;
    let held = world.participants.until_held(12).await;
    world.participants.reply(held.last().unwrap().clone()).await;
    world.until(id, SagaStatus::Compensated).await;
    assert_eq!(world.order(id).await.0, "given_up");
}
