//! A broker that is away: no time passes for what waits for its messages.

use crate::{
    checkout::{CHARGE, Checkout},
    participants::Mood,
    world::{PATIENCE, World},
};
use chrono::TimeDelta;
use contracts::{command::Direction::Forward, rest::sagas::SagaStatus};
use std::time::Duration;
use uuid::Uuid;

/// Two of them are longer than consumers take to come back.
const TIMEOUT: Duration = Duration::from_secs(8);
/// All that a saga may take, which the broker's absence outlasts.
const DEADLINE: Duration = Duration::from_secs(5);

fn impatient() -> Checkout {
    Checkout { timeout: TIMEOUT, deadline: DEADLINE, ..Checkout::default() }
}

/// Waits until more time than a saga may take has been given to it.
async fn outlasts(world: &World, id: Uuid) {
    let put_off = async || {
        let saga = world.saga(id).await;
        assert_eq!(saga.status, SagaStatus::Running, "{saga:#?}");
        let given = saga.deadline - saga.started_at - TimeDelta::from_std(DEADLINE).unwrap();
        Ok((given > TimeDelta::from_std(DEADLINE).unwrap()).then_some(()))
    };
    kit::eventually(PATIENCE, "the broker to be away for long", put_off).await.unwrap();
}

#[tokio::test]
async fn a_command_that_the_broker_did_not_take_yet_does_not_expire() {
    let mut world = World::asleep(impatient()).await;
    let (_process, cable) = world.wake_behind_proxy().await;
    cable.cut_off();
    let id = world.place().await;
    outlasts(&world, id).await;
    assert_eq!(world.participants.heard(id), []);
    cable.mend();
    world.until(id, SagaStatus::Completed).await;
    let first = ("reserve_stock".to_owned(), Forward, 1);
    assert_eq!(world.participants.heard(id)[0], first, "it is the first attempt still");
}

#[tokio::test]
async fn a_reply_that_cannot_come_is_waited_for_and_counts_when_it_comes() {
    let mut world = World::asleep(impatient()).await;
    let (_process, cable) = world.wake_behind_proxy().await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let held = world.participants.until_held(1).await.pop().unwrap();
    cable.cut_off();
    world.participants.reply(held).await;
    outlasts(&world, id).await;
    cable.mend();
    world.until(id, SagaStatus::Completed).await;
}

#[tokio::test]
async fn what_no_relay_publishes_does_not_expire_while_the_broker_is_there() {
    let world = World::asleep(impatient()).await;
    let id = world.place().await;
    let (engine, broker) = (world.engine.clone(), world.broker());
    let sweep = tokio::spawn(engine.sweep(broker, tokio_util::sync::CancellationToken::new()));
    outlasts(&world, id).await;
    sweep.abort();
}
