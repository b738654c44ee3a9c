//! inventory and payments, played over the broker; and everything that orders tells.

use contracts::{
    command::{Direction, Outcome, Replied, StepRef, checkout::*},
    envelope::{Event, EventData},
    event::TYPES,
};
use kit::Sandbox;
use messaging::{Broker, Consumer, HandleError, Handler, MemoryState, Message, Outgoing, Publisher, Subscription};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// What they are told.
const COMMANDS: [&str; 4] = [ReserveStock::TYPE, ReleaseStock::TYPE, ChargePayment::TYPE, RefundPayment::TYPE];

/// What a participant does with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Does it, and says so.
    Done,
    /// Does it, and says so twice.
    Twice,
    /// Refuses, with this code.
    Refuse(&'static str),
    /// Never replies.
    Silent,
}

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) version: u64,
    pub(crate) data: Value,
}

#[derive(Default)]
struct Inner {
    acts: Mutex<HashMap<&'static str, Act>>,
    commands: Mutex<Vec<Seen>>,
    events: Mutex<Vec<Seen>>,
    replies: Mutex<Vec<Replied>>,
}

pub(crate) struct Participants {
    inner: Arc<Inner>,
    publisher: Publisher,
    shutdown: CancellationToken,
}

struct Plays(Arc<Inner>, Publisher);
struct Listens(Arc<Inner>);

#[derive(Deserialize)]
struct Stepped {
    step: StepRef,
}

impl Participants {
    pub(crate) async fn new(sandbox: &Sandbox) -> Self {
        let (inner, shutdown) = (Arc::new(Inner::default()), CancellationToken::new());
        let broker = Broker::new(&sandbox.amqp_admin().into(), "participants");
        let publisher = broker.publisher();
        let commands = Subscription::to_commands("played.commands", COMMANDS);
        let plays = Plays(Arc::clone(&inner), publisher.clone());
        let plays = Consumer::new(&broker, commands, &MemoryState::default(), plays);
        let replies = Subscription::to_commands("played.replies", ["auth.saga.replied"]);
        let hears = Consumer::new(&broker, replies, &MemoryState::default(), Listens(Arc::clone(&inner)));
        let told = TYPES.iter().copied().filter(|kind| kind.starts_with("orders."));
        let events = Subscription::new("played.events", told);
        let listens = Consumer::new(&broker, events, &MemoryState::default(), Listens(Arc::clone(&inner)));
        plays.declare().await.unwrap();
        hears.declare().await.unwrap();
        listens.declare().await.unwrap();
        tokio::spawn(plays.run(shutdown.clone()));
        tokio::spawn(hears.run(shutdown.clone()));
        tokio::spawn(listens.run(shutdown.clone()));
        Self { inner, publisher, shutdown }
    }

    /// What happens at a step from now on, done and undone.
    pub(crate) fn act(&self, step: &'static str, act: Act) {
        self.inner.acts.lock().unwrap().insert(step, act);
    }

    pub(crate) async fn tell<T: EventData>(&self, subject: Uuid, version: u64, data: T) {
        self.publish(Outgoing::event(Event::new(subject.to_string(), version, data)).unwrap()).await;
    }

    /// Publishes a message, once the queues for it are there.
    pub(crate) async fn publish(&self, message: Outgoing) {
        let taken = async || Ok(Some(self.try_publish(message.clone()).await?));
        kit::eventually(crate::world::PATIENCE, "the broker to take a message", taken).await.unwrap();
    }

    pub(crate) async fn try_publish(&self, message: Outgoing) -> anyhow::Result<()> {
        Ok(self.publisher.publish(message).await?)
    }

    /// The commands about a saga, as `type` and `attempt`.
    pub(crate) fn commands(&self, saga: Uuid) -> Vec<(String, Value)> {
        let commands = self.inner.commands.lock().unwrap();
        let own = commands.iter().filter(|seen| seen.subject == saga.to_string());
        own.map(|seen| (seen.kind.clone(), seen.data.clone())).collect()
    }

    /// Says at last that the command of this kind is done, which was met with silence.
    pub(crate) async fn answer(&self, saga: Uuid, kind: &str) {
        let (_, data) = self.commands(saga).into_iter().rfind(|(seen, _)| seen == kind).expect("it came");
        let Stepped { step } = serde_json::from_value(data).unwrap();
        self.publish(Outgoing::reply(Replied { step, outcome: Outcome::Done { answer: Value::Null } }).unwrap()).await;
    }

    /// Waits until a saga's command of this kind has come.
    pub(crate) async fn asked(&self, saga: Uuid, kind: &str) {
        let asked = kit::eventually(crate::world::PATIENCE, kind, async || {
            Ok(self.kinds(saga).iter().any(|seen| seen == kind).then_some(()))
        });
        asked.await.unwrap();
    }

    /// The kinds of a saga's commands, without repeats.
    pub(crate) fn kinds(&self, saga: Uuid) -> Vec<String> {
        let mut kinds: Vec<_> = self.commands(saga).into_iter().map(|(kind, _)| kind).collect();
        kinds.dedup();
        kinds
    }

    /// The events about something, each once.
    pub(crate) fn events(&self, subject: Uuid) -> Vec<Seen> {
        let events = self.inner.events.lock().unwrap();
        let mut own: Vec<Seen> = Vec::new();
        for seen in events.iter().filter(|seen| seen.subject == subject.to_string()) {
            if own.iter().all(|other| other.version != seen.version) {
                own.push(seen.clone());
            }
        }
        own
    }

    pub(crate) fn replies(&self) -> Vec<Replied> {
        self.inner.replies.lock().unwrap().clone()
    }

    /// Everything that was heard, as text.
    pub(crate) fn text(&self) -> String {
        format!("{:?} {:?}", self.inner.events.lock().unwrap(), self.inner.commands.lock().unwrap())
    }
}

impl Drop for Participants {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

fn seen(message: &Message) -> Seen {
    Seen {
        kind: message.kind.clone(),
        subject: message.subject.clone(),
        version: message.version,
        data: serde_json::from_str(message.data.get()).unwrap(),
    }
}

/// The payment of an order's checkout.
pub(crate) fn payment_of(saga: Uuid) -> Uuid {
    Uuid::from_u128(saga.as_u128() ^ 1)
}

impl Handler for Plays {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let message = &batch[0];
        let Self(inner, publisher) = self;
        inner.commands.lock().unwrap().push(seen(message));
        let Stepped { step } = serde_json::from_str(message.data.get())?;
        let act = inner.acts.lock().unwrap().get(&*step.step).copied().unwrap_or(Act::Done);
        let answer = match (&*step.step, step.direction) {
            ("reserve_stock", Direction::Forward) => json!({"reservation_id": step.saga_id}),
            ("charge_payment", Direction::Forward) => json!({"payment_id": payment_of(step.saga_id)}),
            _ => Value::Null,
        };
        let (outcome, times) = match act {
            Act::Done => (Outcome::Done { answer }, 1),
            Act::Twice => (Outcome::Done { answer }, 2),
            Act::Refuse(code) if step.direction == Direction::Forward => {
                (Outcome::Refused { code: code.to_owned(), message: "Not today.".to_owned() }, 1)
            }
            Act::Refuse(_) => (Outcome::Done { answer }, 1),
            Act::Silent => return Ok(()),
        };
        for _ in 0..times {
            publisher.publish(Outgoing::reply(Replied { step: step.clone(), outcome: outcome.clone() })?).await?;
        }
        Ok(())
    }
}

impl Handler for Listens {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let message = &batch[0];
        match message.kind.as_str() {
            Replied::TYPE => self.0.replies.lock().unwrap().push(message.decode::<Replied>()?.data),
            _ => self.0.events.lock().unwrap().push(seen(message)),
        }
        Ok(())
    }
}
