//! Charges without the broker: a batch of them, and how often they go to the database and back.

use crate::{
    app::{TestApp, is_done, is_refused},
    wire::{attempt, charge},
};
use contracts::{command::checkout::ChargePayment, rest::payments::PaymentStatus};
use harness::PATIENCE;
use payments::{
    app::{Payments, WorkerPool},
    domain::Origin,
    provider::Provider,
    store::payments::Intent,
};
use sqlx::PgPool;

/// The use cases on the same database, to be called without the broker.
async fn payments(app: &TestApp) -> Payments {
    let config = app.config();
    let workers = WorkerPool::new(config.worker, Default::default(), Default::default());
    Payments::new(app.pool().clone().into(), Provider::new(&config.provider), workers, config.webhooks)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_batch_that_repeats_a_command_each_is_charged_once_and_the_newest_attempt_is_replied_to() {
    let app = TestApp::new().await;
    let (first, other, zero) = (charge("tok_visa_ok", 700), charge("tok_visa_ok", 100), charge("tok_visa_ok", 0));
    let again = attempt(&first, 2);
    let intent = |command: &ChargePayment| Intent { command: command.clone(), origin: Origin::default() };
    payments(&app).await.charge(&[&first, &again, &zero, &other].map(intent)).await.unwrap();
    for command in [&again, &other] {
        is_done(&app.wire.reply(&command.step).await);
        app.reaches(command, PaymentStatus::Captured).await;
    }
    is_refused(&app.wire.reply(&zero.step).await, "declined", "invalid_amount");
    app.has_one_charge(&first).await;
    app.has_one_charge(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_is_recorded_and_settled_in_seven_round_trips() {
    let app = TestApp::new().await;
    let config = app.config();
    let url = app.sandbox.postgres("payments").to_owned();
    let intent = Intent { command: charge("tok_visa_ok", 700), origin: Origin::default() };
    let count = harness::round_trips(async move || {
        let (db, tasks) = (PgPool::connect(&url).await.unwrap(), tokio_util::task::TaskTracker::new());
        let workers = WorkerPool::new(config.worker, tasks.clone(), Default::default());
        let payments = Payments::new(db.into(), Provider::new(&config.provider), workers, config.webhooks);
        payments.charge(&[intent]).await.unwrap();
        tasks.close();
        tokio::time::timeout(PATIENCE, tasks.wait()).await.unwrap();
    });
    // Begin; payment and call; commit. Then, with the provider's answer: begin; outcome; event and reply; commit.
    assert_eq!(count, 7);
    assert_eq!(app.count("SELECT count(*) FROM payments WHERE status = 'captured'").await, 1);
}
