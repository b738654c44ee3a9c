//! How often inventory goes to its database and back, which is what a database far away costs.

use crate::{saga, world::World};
use chassis::Scope;
use inventory::{app::Inventory, config::Reservations};
use sqlx::PgPool;
use uuid::Uuid;

#[tokio::test]
async fn stock_is_reserved_in_six_round_trips() {
    let world = World::new().await;
    let shirt = world.stocked("SHIRT", 5).await.id;
    let url = world.sandbox.postgres("inventory").to_owned();
    let command = saga::reserve(Uuid::now_v7(), 1, &[(shirt, 3)]);
    let count = kit::round_trips(async move || {
        let db = PgPool::connect(&url).await.unwrap();
        Inventory::new(db.into(), Reservations::default()).reserve(&[(command, Scope::current())]).await.unwrap();
    });
    // Begin; the reservation; its products; what happens to them; messages; commit.
    assert_eq!(count, 6);
    assert_eq!(world.stock(shirt).await, (5, 3));
}
