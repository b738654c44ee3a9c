//! Sagas that were over long ago.

use crate::{
    checkout::{CHARGE, Checkout},
    participants::Mood,
    world::World,
};
use contracts::rest::sagas::SagaStatus;
use uuid::Uuid;

#[tokio::test]
async fn what_is_old_and_over_is_forgotten_and_nothing_else() {
    let mut world = World::asleep(Checkout::default()).await;
    let process = world.wake().await;
    let completed = world.place().await;
    world.until(completed, SagaStatus::Completed).await;
    let closed = world.place().await;
    world.until(closed, SagaStatus::Completed).await;
    let mut tx = world.db.begin().await.unwrap();
    world.engine.close(&mut tx, closed).await.unwrap();
    tx.commit().await.unwrap();
    world.participants.take(CHARGE, Mood::Refuses("declined"));
    let (old, young) = (world.place().await, world.place().await);
    world.until(old, SagaStatus::Compensated).await;
    world.until(young, SagaStatus::Compensated).await;
    world.participants.take(CHARGE, Mood::Holds);
    let under_way = world.place().await;
    world.until_waits_for(under_way, CHARGE, 1).await;
    process.kill();

    age(&world, &[completed, closed, old, under_way]).await;
    // Forgets as it begins.
    world.wake().await;
    for id in [closed, old] {
        kit::eventually(crate::world::PATIENCE, "it to be forgotten", async || {
            Ok(world.engine.find(id).await?.is_none().then_some(()))
        })
        .await
        .unwrap();
        assert!(world.engine.history(id).await.unwrap().is_empty());
    }
    for id in [completed, young, under_way] {
        assert!(!world.engine.history(id).await.unwrap().is_empty());
        world.saga(id).await;
    }
}

/// Has sagas begin half a year and a day ago.
async fn age(world: &World, ids: &[Uuid]) {
    let query = sqlx::query("UPDATE sagas SET started_at = now() - interval '181 days' WHERE id = ANY($1)");
    query.bind(ids).execute(&world.pool).await.unwrap();
}
