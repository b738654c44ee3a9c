//! The owner of the saga that deletes accounts: sends commands over the broker, and hears the replies.

use crate::support::PATIENCE;
use anyhow::{Context as _, Result};
use chassis::messaging::{Broker, Consumer, HandleError, Handler, Message, Outgoing, Subscription, ledger};
use contracts::command::{
    Command, Direction, Outcome, Replied, StepRef,
    accounts::{AttachStatistics, DetachStatistics},
};
use kit::{Sandbox, eventually};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

pub(crate) struct Saga {
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
    pub(crate) async fn of(sandbox: &Sandbox) -> Result<Self> {
        let broker = Broker::new(&sandbox.amqp("auth").into(), "auth");
        let (heard, replies) = unbounded_channel();
        let subscription = Subscription::to_commands("auth.test", ["auth.saga.replied"]).partitions(1);
        let consumer = Consumer::new(&broker, subscription, ledger::memory(async || Ok(())), Ear(heard));
        consumer.declare().await?;
        let running = tokio::spawn(consumer.run(CancellationToken::new()));
        Ok(Self { broker, replies, _consumer: AbortOnDropHandle::new(running) })
    }

    /// Sends a command, as soon as there is a queue for it.
    pub(crate) async fn send<T: Command + Clone>(&self, command: T) -> Result<()> {
        let (publisher, outgoing) = (self.broker.publisher(), Outgoing::command(command)?);
        eventually(PATIENCE, "the broker to take the command", async || {
            publisher.publish(outgoing.clone()).await?;
            Ok(Some(()))
        })
        .await
    }

    /// Sends a command, and takes the replies up to the one to it.
    pub(crate) async fn replies<T: Command + Clone>(&mut self, command: T) -> Result<Vec<Replied>> {
        let step = command.step().clone();
        self.send(command).await?;
        let mut replies: Vec<Replied> = Vec::new();
        while replies.last().is_none_or(|reply| reply.step != step) {
            replies.push(tokio::time::timeout(PATIENCE, self.replies.recv()).await?.context("no reply")?);
        }
        Ok(replies)
    }

    /// Sends a command, and waits for the reply to it, which is the next one.
    pub(crate) async fn tell<T: Command + Clone>(&mut self, command: T) -> Result<Outcome> {
        let mut replies = self.replies(command).await?;
        assert_eq!(replies.len(), 1, "{replies:?}");
        Ok(replies.remove(0).outcome)
    }
}

fn step(saga_id: Uuid, direction: Direction, attempt: u32) -> StepRef {
    let (step, reply_to) = ("detach_statistics".to_owned(), "auth.saga.replied".to_owned());
    StepRef { saga_id, step, direction, attempt, reply_to }
}

pub(crate) fn detach(owner: Uuid, saga_id: Uuid, attempt: u32) -> DetachStatistics {
    DetachStatistics { step: step(saga_id, Direction::Forward, attempt), auth_user_id: owner }
}

pub(crate) fn attach(owner: Uuid, saga_id: Uuid, attempt: u32) -> AttachStatistics {
    AttachStatistics { step: step(saga_id, Direction::Backward, attempt), auth_user_id: owner }
}
