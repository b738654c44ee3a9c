//! Processes that end anywhere, and several at once.

use crate::{
    checkout::{CHARGE, Checkout, RESERVE},
    participants::Mood,
    world::{PATIENCE, World, engine},
};
use chrono::Utc;
use contracts::rest::sagas::SagaStatus;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn another_process_goes_on_where_one_was_killed() {
    let mut world = World::asleep(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let first = world.wake().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(world.place().await);
    }
    world.participants.until_held(5).await;
    first.kill();
    // The replies come while nobody listens, and so does a new order.
    world.participants.take(CHARGE, Mood::Does);
    for reply in world.participants.held() {
        world.participants.reply(reply).await;
    }
    ids.push(world.place().await);
    world.wake().await;
    for id in ids {
        world.until(id, SagaStatus::Completed).await;
        assert_eq!(world.order(id).await, ("confirmed".to_owned(), None, 1));
    }
}

#[tokio::test]
async fn what_was_lost_with_a_process_is_asked_for_again() {
    let quick = Checkout { timeout: Duration::from_millis(500), ..Checkout::default() };
    let mut world = World::asleep(quick).await;
    world.participants.take(RESERVE, Mood::Ignores(1));
    let first = world.wake().await;
    let id = world.place().await;
    world.until_waits_for(id, RESERVE, 1).await;
    first.kill();
    world.wake().await;
    world.until(id, SagaStatus::Completed).await;
    assert_eq!(world.order(id).await, ("confirmed".to_owned(), None, 1));
}

#[tokio::test]
async fn a_process_that_was_down_for_longer_than_a_saga_may_take_goes_on_with_it() {
    let patient = Checkout { timeout: HOUR / 2, deadline: HOUR, ..Checkout::default() };
    let mut world = World::asleep(patient.clone()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let first = world.wake().await;
    let (heard, unheard) = (world.place().await, world.place().await);
    world.participants.until_held(2).await;
    first.kill();
    world.until_nobody_consumes().await;
    let held = world.participants.held().into_iter().find(|reply| reply.step.saga_id == heard);
    world.participants.reply(held.unwrap()).await;
    world.let_pass(2 * HOUR).await;
    let late = world.saga(unheard).await.deadline;
    assert!(late < Utc::now());
    world.participants.take(CHARGE, Mood::Does);
    // Replies may come before the first sweep.
    let second = engine(&world.db, patient);
    world.listen(&second);
    world.until(heard, SagaStatus::Completed).await;
    world.run(second).await;
    let saga = world.until_waits_for(unheard, CHARGE, 1).await;
    assert_eq!((saga.status, saga.cause), (SagaStatus::Running, None));
    let given = async || Ok((world.saga(unheard).await.deadline > late).then_some(()));
    kit::eventually(PATIENCE, "its time anew", given).await.unwrap();
    assert_eq!(world.saga(unheard).await.status, SagaStatus::Running);
}

#[tokio::test]
async fn many_processes_kill_nothing_and_double_nothing() {
    let quick = Checkout { timeout: Duration::from_secs(2), ..Checkout::default() };
    let mut world = World::asleep(quick.clone()).await;
    world.participants.take(RESERVE, Mood::Ignores(1));
    world.participants.take(CHARGE, Mood::Repeats);
    let mut processes = Vec::new();
    for _ in 0..3 {
        let other = engine(&world.db, quick.clone());
        processes.push(world.run(other).await);
    }
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push(world.place().await);
        if number == 20 {
            processes.remove(0).kill();
        }
    }
    for id in &ids {
        let saga = world.until(*id, SagaStatus::Completed).await;
        assert!(saga.cause.is_none());
        assert_eq!(world.order(*id).await, ("confirmed".to_owned(), None, 1));
    }
    let unclaimed = "SELECT count(*) FROM outbox WHERE id NOT IN (SELECT unnest(messages) FROM outbox_claims)";
    let unpublished: i64 = sqlx::query_scalar(unclaimed).fetch_one(&world.pool).await.unwrap();
    assert_eq!(unpublished, 0);
}
