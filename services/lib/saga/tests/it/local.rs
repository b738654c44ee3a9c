//! Steps in the service's own transaction.

use crate::{
    checkout::{CHARGE, Checkout, RELEASE},
    participants::Mood,
    world::World,
};
use contracts::{command::Direction, rest::sagas::SagaStatus};
use saga::Cause;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use uuid::Uuid;

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
    let checkout = Checkout::default();
    let world = World::new(checkout.clone()).await;
    world.participants.take(CHARGE, Mood::Holds);
    world.participants.take(RELEASE, Mood::Holds);
    let id = world.place().await;
    checkout.refused.lock().unwrap().insert(id);
    world.participants.reply(world.participants.until_held(1).await.remove(0)).await;
    world.until_waits_for(id, RELEASE, 1).await;
    let saga = world.saga(id).await;
    assert_eq!(saga.cause.unwrap().code, "too_late");
}

/// Sagas whose replies have come while nobody was there to take them.
async fn piled_up(checkout: &Checkout, count: usize) -> (World, Vec<Uuid>) {
    let mut world = World::asleep(checkout.clone()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let process = world.wake().await;
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(world.place().await);
    }
    let replies = world.participants.until_held(count).await;
    process.kill();
    world.until_nobody_consumes().await;
    for reply in replies {
        world.participants.reply(reply).await;
    }
    (world, ids)
}

#[tokio::test]
async fn sagas_that_come_to_a_local_step_together_run_it_together_and_end_each_for_itself() {
    let checkout = Checkout::default();
    let (mut world, ids) = piled_up(&checkout, 12).await;
    checkout.refused.lock().unwrap().insert(ids[3]);
    world.wake().await;
    for (place, id) in ids.iter().enumerate() {
        if place == 3 {
            assert_eq!(world.until(*id, SagaStatus::Compensated).await.cause.unwrap().code, "too_late");
        } else {
            world.until(*id, SagaStatus::Completed).await;
            assert_eq!(world.order(*id).await, ("confirmed".to_owned(), None, 1));
        }
    }
    let batches = checkout.batches.lock().unwrap().clone();
    assert!(batches.iter().any(|batch| batch.len() > 1), "{batches:?}");
    let causes: HashSet<_> = batches.iter().flatten().collect();
    assert_eq!(causes.len(), ids.len(), "each on behalf of its own reply: {batches:?}");
}

#[tokio::test]
async fn when_a_local_step_fails_for_several_it_is_run_for_each_alone() {
    let checkout = Checkout::default();
    let (mut world, ids) = piled_up(&checkout, 12).await;
    checkout.alone.store(true, Ordering::SeqCst);
    world.wake().await;
    for id in &ids {
        world.until(*id, SagaStatus::Completed).await;
        assert_eq!(world.order(*id).await, ("confirmed".to_owned(), None, 1));
    }
    let batches = checkout.batches.lock().unwrap().clone();
    let failed = batches.iter().find(|batch| batch.len() > 1).unwrap();
    for cause in failed {
        assert!(batches.contains(&vec![*cause]), "{batches:?}");
    }
}
