//! A neighbour of the service at the broker.

use crate::PATIENCE;
use contracts::{
    amqp::EVENTS_LOG,
    command::{Command, Outcome, Replied, StepRef},
    envelope::{Event, EventData},
};
use kit::{Sandbox, eventually};
use messaging::{
    Broker, Consumer, HandleError, Handler, MemoryState, Message, Outgoing, Publisher, Subscription,
    stream::{Reader, Start},
};
use secrecy::SecretString;
use serde::Deserialize;
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// A unit that a test plays, or several at once. When it is dropped, it hears no more.
pub struct FakePeer {
    name: &'static str,
    broker: Broker,
    publisher: Publisher,
    heard: Heard,
    /// How many of the replies were taken.
    taken: usize,
    end: CancellationToken,
}

/// Every message, in the order in which they came.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Message>>>);

impl Handler for Heard {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        self.0.lock().unwrap().extend_from_slice(batch);
        Ok(())
    }
}

/// Notes commands, and replies to each what `replies` says.
struct Replying<F> {
    heard: Heard,
    publisher: Publisher,
    replies: F,
}

impl<F: Fn(&str, &StepRef) -> Vec<Outcome> + Send + Sync + 'static> Handler for Replying<F> {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        self.heard.handle(batch).await?;
        for message in batch {
            let Commanded { step } = serde_json::from_str(message.data.get())?;
            for outcome in (self.replies)(&message.kind, &step) {
                self.publisher.publish(Outgoing::reply(Replied { step: step.clone(), outcome })?).await?;
            }
        }
        Ok(())
    }
}

/// What all commands have.
#[derive(Deserialize)]
struct Commanded {
    step: StepRef,
}

impl FakePeer {
    /// Plays `unit` with its own login. It hears the replies to the commands of its sagas from now on.
    pub async fn new(sandbox: &Sandbox, unit: &'static str) -> Self {
        let peer = Self::connect(&sandbox.amqp(unit).into(), unit);
        peer.hear_replies(unit).await;
        peer
    }

    /// Plays all other units at once, with the administrator's login.
    pub fn everybody(sandbox: &Sandbox) -> Self {
        Self::connect(&sandbox.amqp_admin().into(), "everybody")
    }

    fn connect(url: &SecretString, name: &'static str) -> Self {
        let broker = Broker::new(url, name);
        let (publisher, heard, end) = (broker.publisher(), Heard::default(), CancellationToken::new());
        Self { name, broker, publisher, heard, taken: 0, end }
    }

    /// Hears the replies to the commands of a unit's sagas from now on, too.
    pub async fn hear_replies(&self, unit: &str) {
        let replies = Subscription::to_commands(format!("{}.replies", self.name), [format!("{unit}.saga.replied")]);
        self.consume(replies, self.heard.clone()).await;
    }

    /// Hears events of these types from now on, too.
    pub async fn hear_events(&self, types: impl IntoIterator<Item = &'static str>) {
        self.consume(Subscription::new(format!("{}.events", self.name), types), self.heard.clone()).await;
    }

    /// Takes commands of these types from now on. `replies` says for type and step what is replied: nothing, one outcome
    /// or several.
    pub async fn take_commands(
        &self,
        types: impl IntoIterator<Item = &'static str>,
        replies: impl Fn(&str, &StepRef) -> Vec<Outcome> + Send + Sync + 'static,
    ) {
        let replying = Replying { heard: self.heard.clone(), publisher: self.publisher.clone(), replies };
        self.consume(Subscription::to_commands(format!("{}.commands", self.name), types), replying).await;
    }

    async fn consume(&self, subscription: Subscription, handler: impl Handler) {
        let consumer = Consumer::new(&self.broker, subscription.partitions(1), &MemoryState::default(), handler);
        consumer.declare().await.unwrap();
        tokio::spawn(consumer.run(self.end.clone()));
    }

    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Publishes a message, once the queues for it are there.
    pub async fn publish(&self, message: Outgoing) {
        let taken = async || Ok(Some(self.publisher.publish(message.clone()).await?));
        eventually(PATIENCE, "the broker to take a message", taken).await.unwrap();
    }

    /// Publishes an event.
    pub async fn event<T: EventData>(&self, event: Event<T>) {
        self.publish(Outgoing::event(event).unwrap()).await;
    }

    /// Sends a command.
    pub async fn command<T: Command + Clone>(&self, command: &T) {
        self.publish(Outgoing::command(command.clone()).unwrap()).await;
    }

    /// Sends a command and waits for a reply to it, whatever else comes.
    pub async fn ask<T: Command + Clone>(&self, command: &T) -> Outcome {
        self.command(command).await;
        self.reply(command.step()).await
    }

    /// Sends a command and waits for the reply to it, which must be the next one.
    pub async fn tell<T: Command + Clone>(&mut self, command: &T) -> Outcome {
        let mut replies = self.replies(command).await;
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0).outcome
    }

    /// Sends a command and takes the replies up to the one to it; those that were taken before are not among them.
    pub async fn replies<T: Command + Clone>(&mut self, command: &T) -> Vec<Replied> {
        self.command(command).await;
        let replies = eventually(PATIENCE, "the reply", async || {
            let fresh = self.heard(|_: &Replied| true).split_off(self.taken);
            let last = fresh.iter().position(|reply| reply.step == *command.step());
            Ok(last.map(|last| fresh[..=last].to_vec()))
        });
        let replies = replies.await.unwrap();
        self.taken += replies.len();
        replies
    }

    /// Waits for a reply to this very attempt.
    pub async fn reply(&self, step: &StepRef) -> Outcome {
        let reply = async || Ok(self.heard(|reply: &Replied| reply.step == *step).into_iter().next());
        eventually(PATIENCE, "the reply", reply).await.unwrap().outcome
    }

    /// All messages so far, in the order in which they came; what was delivered twice stands there twice.
    pub fn messages(&self) -> Vec<Message> {
        self.heard.0.lock().unwrap().clone()
    }

    /// The messages of one type that have come so far and are `wanted`, each once.
    pub fn heard<T: EventData>(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let (mut of_type, mut ids) = (self.messages(), BTreeSet::new());
        of_type.retain(|message| message.kind == T::TYPE && ids.insert(message.id));
        of_type.iter().map(|message| message.decode::<T>().unwrap().data).filter(wanted).collect()
    }
}

impl Drop for FakePeer {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

/// How many messages of a type are in the log of events, each counted once however often it was published.
pub async fn published<T: EventData>(sandbox: &Sandbox) -> usize {
    let broker = Broker::new(&sandbox.amqp_admin().into(), "test");
    let (mut log, mut ids) = (Reader::open(&broker, EVENTS_LOG, Start::First), BTreeSet::new());
    while let Some(record) = log.next_or_end(Duration::from_secs(1)).await.unwrap() {
        if record.message.kind == T::TYPE {
            ids.insert(record.message.id);
        }
    }
    ids.len()
}
