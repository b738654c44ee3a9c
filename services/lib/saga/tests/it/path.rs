//! The way forward, and back after a refusal; repeats change nothing.

use crate::{
    checkout::{CHARGE, Checkout, REFUND, RELEASE, RESERVE},
    participants::Mood,
    world::{World, order},
};
use contracts::{
    command::Direction::{Backward, Forward},
    rest::sagas::SagaStatus,
};
use saga::{Error, Refusal};
use uuid::Uuid;

#[tokio::test]
async fn a_saga_goes_its_way_to_the_end_and_is_closed() {
    let world = World::new(Checkout::default()).await;
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::Completed).await;
    assert_eq!(saga.data["reservation_id"], id.to_string());
    assert_eq!(saga.data["payment_id"], id.to_string());
    assert!(saga.wait.is_none() && saga.due.is_none() && saga.cause.is_none() && saga.ended_at.is_some());
    assert_eq!(world.order(id).await, ("confirmed".to_owned(), None, 1));
    let heard = [("reserve_stock".to_owned(), Forward, 1), ("charge_payment".to_owned(), Forward, 1)];
    assert_eq!(world.participants.heard(id), heard);
    let log = [
        "started",
        "done open_order",
        "sent reserve_stock",
        "answered reserve_stock",
        "sent charge_payment",
        "answered charge_payment",
        "done confirm_order",
        "completed",
    ];
    assert_eq!(world.events(id).await, log);

    let mut tx = world.db.begin().await.unwrap();
    world.engine.close(&mut tx, id).await.unwrap();
    world.engine.close(&mut tx, id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.saga(id).await.status, SagaStatus::Closed);
}

#[tokio::test]
async fn a_refusal_undoes_the_steps_before_it_in_reverse() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    let id = world.place().await;
    let saga = world.until(id, SagaStatus::Compensated).await;
    let cause = saga.cause.unwrap();
    assert_eq!((&*cause.code, cause.step.as_deref()), ("declined", Some("charge_payment")));
    assert_eq!(world.order(id).await, ("given_up".to_owned(), Some("declined".to_owned()), 0));
    let heard = [
        ("reserve_stock".to_owned(), Forward, 1),
        ("charge_payment".to_owned(), Forward, 1),
        ("reserve_stock".to_owned(), Backward, 1),
    ];
    assert_eq!(world.participants.heard(id), heard);
}

#[tokio::test]
async fn a_refusal_at_the_first_step_leaves_only_what_the_service_did_itself() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(RESERVE, Mood::Refuses("out_of_stock"));
    let id = world.place().await;
    world.until(id, SagaStatus::Compensated).await;
    assert_eq!(world.participants.heard(id), [("reserve_stock".to_owned(), Forward, 1)]);
    assert_eq!(world.order(id).await, ("given_up".to_owned(), Some("out_of_stock".to_owned()), 0));
}

#[tokio::test]
async fn replies_that_come_three_times_count_once() {
    let world = World::new(Checkout::default()).await;
    for deed in [RESERVE, CHARGE, REFUND, RELEASE] {
        world.participants.take(deed, Mood::Repeats);
    }
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(world.place().await);
    }
    for id in ids {
        world.until(id, SagaStatus::Completed).await;
        assert_eq!(world.order(id).await, ("confirmed".to_owned(), None, 1));
        assert_eq!(world.participants.heard(id).len(), 2);
        assert_eq!(world.events(id).await.len(), 8);
    }
}

#[tokio::test]
async fn what_does_not_commit_never_was() {
    let world = World::new(Checkout::default()).await;
    let id = Uuid::now_v7();
    let mut transaction = world.db.begin().await.unwrap();
    world.engine.start::<Checkout>(&mut transaction, order(id)).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(world.engine.find(id).await.unwrap().is_none());
    // One that is placed later has come through: the first one's command was not published before it.
    let later = world.place().await;
    world.until(later, SagaStatus::Completed).await;
    assert!(world.participants.heard(id).is_empty());

    let mut tx = world.db.begin().await.unwrap();
    assert!(matches!(world.engine.close(&mut tx, id).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_saga_under_way_cannot_be_closed_nor_started_again() {
    let world = World::new(Checkout::default()).await;
    world.participants.take(CHARGE, Mood::Holds);
    let id = world.place().await;
    world.until_waits_for(id, CHARGE, 1).await;
    let mut tx = world.db.begin().await.unwrap();
    let closed = world.engine.close(&mut tx, id).await;
    assert!(matches!(closed, Err(Error::Refused(Refusal::NotCompleted))), "{closed:?}");
    let again = world.engine.start::<Checkout>(&mut tx, order(id)).await;
    assert!(matches!(again, Err(Error::Store(_))), "{again:?}");
}
