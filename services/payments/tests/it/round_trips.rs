//! How often payments goes to its database and back, which is what a database far away costs.

use crate::{
    wire::charge,
    world::{SOON, World, config},
};
use payments::{
    app::{Payments, WorkerPool},
    domain::Origin,
    provider::Provider,
    store::payments::Intent,
};
use serde_json::json;
use sqlx::PgPool;

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_recorded_and_settled_in_seven_round_trips() {
    let world = World::new().await;
    let config = config(&world.sandbox, &world.provider, &json!({}));
    let url = world.sandbox.postgres("payments").to_owned();
    let intent = Intent { command: charge("tok_visa_ok", 700), origin: Origin::default() };
    let count = kit::round_trips(async move || {
        let (db, tasks) = (PgPool::connect(&url).await.unwrap(), tokio_util::task::TaskTracker::new());
        let workers = WorkerPool::new(config.worker, tasks.clone(), Default::default());
        let payments = Payments::new(db.into(), Provider::new(&config.provider), workers, config.webhooks);
        payments.charge(&[intent]).await.unwrap();
        tasks.close();
        tokio::time::timeout(SOON, tasks.wait()).await.unwrap();
    });
    // Begin; payment and call; commit. Then, with the provider's answer: begin; outcome; event and reply; commit.
    assert_eq!(count, 7);
    assert_eq!(world.count("SELECT count(*) FROM payments WHERE status = 'captured'").await, 1);
}
