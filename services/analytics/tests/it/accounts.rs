//! The part in deleting accounts: commands over the broker, statistics gone and back.

use crate::support::{PATIENCE, World};
use anyhow::{Context as _, Result};
use chassis::messaging::{Broker, Consumer, HandleError, Handler, Message, Outgoing, Subscription, ledger};
use contracts::command::{
    Command, Direction, Outcome, Replied, StepRef,
    accounts::{AttachStatistics, DetachStatistics},
};
use kit::eventually;
use reqwest::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

/// The owner of the saga: sends commands and hears the replies.
struct Saga {
    broker: Broker,
    replies: UnboundedReceiver<Replied>,
    _consumer: AbortOnDropHandle<Result<()>>,
}

struct Ear(UnboundedSender<Replied>);

impl Handler for Ear {
    async fn handle(&self, message: &Message) -> Result<(), HandleError> {
        let _ = self.0.send(message.decode::<Replied>()?.data);
        Ok(())
    }
}

impl Saga {
    async fn of(world: &World) -> Result<Self> {
        let broker = Broker::new(&world.sandbox.amqp("auth").into(), "auth");
        let (heard, replies) = unbounded_channel();
        let subscription = Subscription::to_commands("auth.test", ["auth.saga.replied"]).partitions(1);
        let consumer = Consumer::new(&broker, subscription, ledger::memory(), Ear(heard));
        consumer.declare().await?;
        let running = tokio::spawn(consumer.run(CancellationToken::new()));
        Ok(Self { broker, replies, _consumer: AbortOnDropHandle::new(running) })
    }

    /// Sends a command, and waits for the reply to it.
    async fn tell<T: Command + Clone>(&mut self, command: T) -> Result<Outcome> {
        let (step, outgoing) = (command.step().clone(), Outgoing::command(command)?);
        let publisher = self.broker.publisher();
        eventually(PATIENCE, "the broker to take the command", async || {
            publisher.publish(outgoing.clone()).await?;
            Ok(Some(()))
        })
        .await?;
        let reply = tokio::time::timeout(PATIENCE, self.replies.recv()).await?.context("no reply")?;
        assert_eq!(reply.step, step);
        Ok(reply.outcome)
    }
}

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    let (step, reply_to) = ("detach_statistics".to_owned(), "auth.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt, reply_to }
}

fn detach(owner: Uuid, saga_id: Uuid, attempt: u32) -> DetachStatistics {
    DetachStatistics { step: step(saga_id, Direction::Forward, attempt), auth_user_id: owner }
}

fn attach(owner: Uuid, saga_id: Uuid) -> AttachStatistics {
    AttachStatistics { step: step(saga_id, Direction::Backward, 1), auth_user_id: owner }
}

#[tokio::test]
async fn statistics_are_hidden_from_everybody_and_come_back_whole() -> Result<()> {
    let world = World::start().await?;
    let (owner, other) = (Uuid::now_v7(), Uuid::now_v7());
    world.link(owner, "boots").await?;
    world.link(other, "shoes").await?;
    let mut saga = Saga::of(&world).await?;
    let id = Uuid::now_v7();
    for attempt in 1..=2 {
        assert!(matches!(saga.tell(detach(owner, id, attempt)).await?, Outcome::Done { .. }));
        assert_eq!(world.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(world.get(other, "/v1/links/shoes/stats").await?.status(), StatusCode::OK);
    assert!(matches!(saga.tell(attach(owner, id)).await?, Outcome::Done { .. }));
    assert_eq!(world.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::OK);
    // Another deletion is another saga.
    assert!(matches!(saga.tell(detach(owner, Uuid::now_v7(), 1)).await?, Outcome::Done { .. }));
    assert_eq!(world.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::NOT_FOUND);
    Ok(())
}

#[tokio::test]
async fn what_was_undone_before_it_was_done_is_refused_and_hides_nothing() -> Result<()> {
    let world = World::start().await?;
    let owner = Uuid::now_v7();
    world.link(owner, "boots").await?;
    let mut saga = Saga::of(&world).await?;
    let id = Uuid::now_v7();
    assert!(matches!(saga.tell(attach(owner, id)).await?, Outcome::Done { .. }));
    let late = saga.tell(detach(owner, id, 1)).await?;
    assert!(matches!(&late, Outcome::Refused { code, .. } if code == "undone"), "{late:?}");
    assert_eq!(world.get(owner, "/v1/links/boots/stats").await?.status(), StatusCode::OK);
    Ok(())
}
