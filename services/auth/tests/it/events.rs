//! Events: in the outbox with what they tell of, and published.

use crate::app::{PASSWORD, TestApp, registration};
use contracts::{
    envelope::{Event, EventData},
    event::auth::UserRegistered,
    problem::Code,
};
use futures::StreamExt;
use lapin::{
    Connection, ConnectionProperties,
    options::{BasicAckOptions, BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::time::Duration;

#[tokio::test]
async fn a_registration_is_published_once_and_names_nothing_personal() {
    let app = TestApp::new().await;
    let url = app.sandbox.amqp_admin();
    let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let declared = channel.exchange_declare(
        "events".into(),
        lapin::ExchangeKind::Direct,
        ExchangeDeclareOptions { durable: true, ..Default::default() },
        FieldTable::default(),
    );
    declared.await.unwrap();
    let queue = QueueDeclareOptions { exclusive: true, ..Default::default() };
    channel.queue_declare("spy".into(), queue, FieldTable::default()).await.unwrap();
    let bound = channel.queue_bind(
        "spy".into(),
        "events".into(),
        UserRegistered::TYPE.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.unwrap();

    let session = app.register("ana@exemplo.com").await;
    app.post("/v1/users", registration("ana@exemplo.com")).await.problem(Code::EmailTaken);

    let consumed =
        channel.basic_consume("spy".into(), "spy".into(), BasicConsumeOptions::default(), FieldTable::default());
    let mut deliveries = consumed.await.unwrap();
    let delivery = tokio::time::timeout(Duration::from_secs(20), deliveries.next());
    let delivery = delivery.await.expect("the relay publishes").unwrap().unwrap();
    assert_eq!(delivery.routing_key.as_str(), "auth.user.registered");
    let event = serde_json::from_slice::<Event<UserRegistered>>(&delivery.data).unwrap().data;
    assert_eq!(event.user_id, session.user.id);
    assert_eq!(event.roles, ["user"]);
    assert_eq!(event.registered_at, session.user.created_at);
    let told = format!("{:?} {}", delivery.properties, String::from_utf8_lossy(&delivery.data));
    assert!(!told.contains("exemplo") && !told.contains("Ana") && !told.contains(PASSWORD), "{told}");
    delivery.ack(BasicAckOptions::default()).await.unwrap();

    let emptied = kit::eventually(Duration::from_secs(20), "the outbox to empty", async || {
        anyhow::Ok((app.count("SELECT count(*) FROM outbox").await == 0).then_some(()))
    });
    emptied.await.unwrap();
}

#[tokio::test]
async fn state_and_event_are_written_together_or_not_at_all() {
    let app = TestApp::new().await;
    // The account's row is good; what comes after it in the transaction fails.
    app.execute("ALTER TABLE outbox ADD CONSTRAINT closed CHECK (false) NOT VALID").await;
    app.post("/v1/users", registration("ana@exemplo.com")).await.problem(Code::Internal);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    app.execute("ALTER TABLE outbox DROP CONSTRAINT closed").await;
    app.execute("ALTER TABLE refresh_tokens ADD CONSTRAINT closed CHECK (false) NOT VALID").await;
    app.post("/v1/users", registration("ana@exemplo.com")).await.problem(Code::Internal);
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM outbox").await, 0);
}
