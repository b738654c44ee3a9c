//! What does not come in time.

use crate::{
    checkout::{CHARGE, Checkout, REFUND, RELEASE, RESERVE},
    participants::Mood,
    world::World,
};
use contracts::{
    command::Direction::{Backward, Forward},
    rest::sagas::SagaStatus,
};
use saga::Cause;
use std::time::Duration;

fn quick() -> Checkout {
    Checkout { timeout: Duration::from_millis(400), ..Checkout::default() }
}

#[tokio::test]
async fn a_step_that_is_not_answered_is_tried_again_and_the_late_reply_is_absorbed() {
    let world = World::new(quick()).await;
    world.participants.take(RESERVE, Mood::Holds);
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let held = world.participants.until_held(2).await;
    let [late, now] = &held[..] else { panic!("{held:?}") };
    assert_eq!((late.step.attempt, now.step.attempt), (1, 2));
    world.participants.reply(late.clone()).await;
    world.participants.reply(now.clone()).await;
    // The replies to one saga come in order: the late one has been dealt with by now.
    let charge = world.participants.until_held(3).await.pop().unwrap();
    assert_eq!(charge.step.step, "charge_payment");
    let log = world.events(id).await;
    assert_eq!(log.iter().filter(|event| *event == "answered reserve_stock").count(), 1);
    assert_eq!(log.iter().filter(|event| *event == "timed_out reserve_stock").count(), 1);
}

#[tokio::test]
async fn a_step_that_is_never_answered_is_unknown_and_undone_before_the_others() {
    let world = World::new(quick()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::Compensated).await;
    assert_eq!(saga.cause.unwrap().code, Cause::TIMEOUT);
    let heard = [
        ("reserve_stock".to_owned(), Forward, 1),
        ("charge_payment".to_owned(), Forward, 1),
        ("charge_payment".to_owned(), Forward, 2),
        ("charge_payment".to_owned(), Backward, 1),
        ("reserve_stock".to_owned(), Backward, 1),
    ];
    assert_eq!(world.participants.heard(id), heard);
    // The replies come at last, to a saga that has ended.
    for reply in world.participants.held() {
        world.participants.reply(reply).await;
    }
    let later = world.place().await;
    world.until(later, SagaStatus::Compensated).await;
    assert_eq!(world.saga(id).await.version, saga.version);
    assert_eq!(world.order(id).await, ("given_up".to_owned(), Some(Cause::TIMEOUT.to_owned()), 0));
}

#[tokio::test]
async fn a_saga_that_takes_too_long_turns_back() {
    let world = World::new(Checkout { deadline: Duration::from_millis(1_500), ..Checkout::default() }).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::Compensated).await;
    assert_eq!(saga.cause.unwrap().code, Cause::DEADLINE);
    assert!(saga.ended_at.unwrap() >= saga.deadline);
}

#[tokio::test]
async fn a_compensation_that_is_not_answered_is_tried_again() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    world.participants.take(RELEASE, Mood::Ignores(2));
    world.participants.take(REFUND, Mood::Refuses("unasked"));
    let id = world.place().await;
    for attempt in 1..=2 {
        world.until_waits_for(id, RELEASE, attempt).await;
        world.hurry(id).await;
    }
    world.until(id, SagaStatus::Compensated).await;
    let attempts: Vec<_> = world.participants.heard(id).into_iter().filter(|(_, way, _)| *way == Backward).collect();
    assert_eq!(attempts, [1, 2, 3].map(|attempt| ("reserve_stock".to_owned(), Backward, attempt)));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_as_good_as_none() {
    let world = World::new(quick()).await;
    world.participants.take(RESERVE, Mood::Mumbles);
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::Compensated).await;
    assert_eq!(saga.cause.unwrap().code, Cause::TIMEOUT);
    let last = world.participants.heard(id).pop();
    assert_eq!(last, Some(("reserve_stock".to_owned(), Backward, 1)));
}
