//! How often inventory goes to its database and back, which is what a database far away costs.

use crate::{app::TestApp, saga};
use chassis::Scope;
use inventory::{app::Inventory, config::Reservations};
use sqlx::PgPool;
use uuid::Uuid;

#[tokio::test]
async fn stock_is_reserved_in_six_round_trips() {
    let app = TestApp::new().await;
    let shirt = app.stocked("SHIRT", 5).await.id;
    let url = app.sandbox.postgres("inventory").to_owned();
    let command = saga::reserve(Uuid::now_v7(), 1, &[(shirt, 3)]);
    let count = harness::round_trips(async move || {
        let db = PgPool::connect(&url).await.unwrap();
        Inventory::new(db.into(), Reservations::default()).reserve(&[(command, Scope::current())]).await.unwrap();
    });
    // Begin; the reservation; its products; what happens to them; messages; commit.
    assert_eq!(count, 6);
    assert_eq!(app.stock(shirt).await, (5, 3));
}
