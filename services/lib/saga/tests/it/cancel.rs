//! Sagas that somebody does not want any more.

use crate::{
    checkout::{CHARGE, Checkout},
    participants::Mood,
    world::World,
};
use contracts::{
    command::Direction::{Backward, Forward},
    rest::sagas::SagaStatus,
};
use saga::{Cancel, Cancelled, Cause, Error, Refusal};
use uuid::Uuid;

fn wish() -> Cancel {
    Cancel { by: "ana".to_owned(), reason: "changed her mind".to_owned() }
}

async fn cancel(world: &World, id: Uuid) -> Result<Cancelled, Error> {
    let mut transaction = world.db.begin().await.unwrap();
    let cancelled = world.engine.cancel(&mut transaction, id, wish()).await;
    transaction.commit().await.unwrap();
    cancelled
}

#[tokio::test]
async fn cancelled_under_way_the_step_in_flight_is_undone_first() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let in_flight = world.participants.until_held(1).await.remove(0);
    assert_eq!(cancel(&world, id).await.unwrap(), Cancelled::Begun);
    world.participants.reply(in_flight).await;
    let saga = world.until(id, SagaStatus::Compensated).await;
    let cause = saga.cause.unwrap();
    assert_eq!(
        (&*cause.code, &*cause.message, cause.by.as_deref()),
        (Cause::CANCELLED, "changed her mind", Some("ana"))
    );
    let undone: Vec<_> = world.participants.heard(id).into_iter().filter(|(_, way, _)| *way == Backward).collect();
    assert_eq!(undone, ["charge_payment", "reserve_stock"].map(|step| (step.to_owned(), Backward, 1)));
    assert_eq!(world.order(id).await, ("given_up".to_owned(), Some(Cause::CANCELLED.to_owned()), 0));
    assert!(matches!(cancel(&world, id).await, Err(Error::Refused(Refusal::Ended))));
}

#[tokio::test]
async fn a_completed_saga_is_cancelled_until_it_is_closed() {
    let world = World::new(Checkout::default()).await;
    let (undone, closed) = (world.place().await, world.place().await);
    for id in [undone, closed] {
        world.until(id, SagaStatus::Completed).await;
    }
    let mut tx = world.db.begin().await.unwrap();
    world.engine.close(&mut tx, closed).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(cancel(&world, closed).await, Err(Error::Refused(Refusal::Closed))));

    cancel(&world, undone).await.unwrap();
    let again = cancel(&world, undone).await;
    assert!(matches!(again, Ok(Cancelled::UnderWay) | Err(Error::Refused(Refusal::Ended))), "{again:?}");
    world.until(undone, SagaStatus::Compensated).await;
    assert_eq!(world.order(undone).await, ("given_up".to_owned(), Some(Cause::CANCELLED.to_owned()), 1));
    let heard = world.participants.heard(undone);
    assert_eq!(heard.iter().filter(|(_, way, _)| *way == Forward).count(), 2);
    assert_eq!(heard.iter().filter(|(_, way, _)| *way == Backward).count(), 2);
}

#[tokio::test]
async fn a_wish_that_does_not_commit_changes_nothing() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    let reply = world.participants.until_held(1).await.remove(0);
    let mut transaction = world.db.begin().await.unwrap();
    world.engine.cancel(&mut transaction, id, wish()).await.unwrap();
    transaction.rollback().await.unwrap();
    world.participants.reply(reply).await;
    world.until(id, SagaStatus::Completed).await;
    let unknown = world.engine.cancel(&mut world.db.begin().await.unwrap(), Uuid::now_v7(), wish()).await;
    assert!(matches!(unknown, Err(Error::NotFound)));
}
