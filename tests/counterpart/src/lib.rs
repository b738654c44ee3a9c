//! The other side of the broker in the tests of one unit: a neighbour of it, which sends commands and events and notes
//! what it hears.
//!
//! Whatever does not come about within a minute fails the test. It is no part of the kit, which knows nothing of the
//! chassis.

use contracts::{
    command::{Command, Outcome, Replied, StepRef},
    envelope::{Event, EventData},
};
use kit::{Sandbox, eventually};
use messaging::{Broker, Consumer, HandleError, Handler, MemoryState, Message, Outgoing, Publisher, Subscription};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A unit that a test plays, with the login of that unit. When it is dropped, it hears no more.
pub struct Counterpart {
    unit: &'static str,
    broker: Broker,
    publisher: Publisher,
    heard: Heard,
    /// How many of the replies were taken.
    taken: usize,
    end: CancellationToken,
}

/// Every message that came, once, in the order in which they came.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Message>>>);

impl Handler for Heard {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let mut heard = self.0.lock().unwrap();
        for message in batch {
            if !heard.iter().any(|known| known.id == message.id) {
                heard.push(message.clone());
            }
        }
        Ok(())
    }
}

impl Counterpart {
    /// Plays `unit`, which hears the replies to the commands of its sagas from now on.
    pub async fn new(sandbox: &Sandbox, unit: &'static str) -> Self {
        let broker = Broker::new(&sandbox.amqp(unit).into(), unit);
        let (publisher, heard, end) = (broker.publisher(), Heard::default(), CancellationToken::new());
        let counterpart = Self { unit, broker, publisher, heard, taken: 0, end };
        let replies = Subscription::to_commands(format!("{unit}.replies"), [format!("{unit}.saga.replied")]);
        counterpart.hear(replies).await;
        counterpart
    }

    /// Hears events of these types from now on, too.
    pub async fn hear_events(&self, types: impl IntoIterator<Item = &'static str>) {
        self.hear(Subscription::new(format!("{}.events", self.unit), types)).await;
    }

    async fn hear(&self, subscription: Subscription) {
        let (subscription, ledger) = (subscription.partitions(1), &MemoryState::default());
        let consumer = Consumer::new(&self.broker, subscription, ledger, self.heard.clone());
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

    /// The messages of one type that have come so far and are `wanted`.
    pub fn heard<T: EventData>(&self, wanted: impl Fn(&T) -> bool) -> Vec<T> {
        let heard = self.heard.0.lock().unwrap();
        let of_type = heard.iter().filter(|message| message.kind == T::TYPE);
        of_type.map(|message| message.decode::<T>().unwrap().data).filter(wanted).collect()
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        self.end.cancel();
    }
}
