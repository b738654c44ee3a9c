//! Dead letters: looking at them, having them delivered again, discarding them.

use crate::broker::answer;
use crate::state::{AuditEntry, State};
use crate::topology::dead_queue;
use crate::wire::{self, Frame};
use crate::{Broker, ConsumerState, Publisher, Subscription};
use anyhow::Result;
use chrono::{DateTime, Utc};
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use ring::digest;
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Mutex;
use utoipa::ToSchema;
use uuid::{Builder, Uuid};

/// A message that failed for good. Its data is not shown: operators need not see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The consumer that failed.
    pub consumer: String,
    /// The message; one made of its bytes when it is not one of our events.
    pub id: Uuid,
    /// The kind of event.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// What it is about.
    pub subject: Option<String>,
    /// The subject's version.
    pub version: Option<u64>,
    /// When it happened.
    pub time: Option<DateTime<Utc>>,
    /// Why it failed.
    pub reason: String,
    /// When it failed for good.
    pub died_at: Option<String>,
    /// How many times it was through the retry schedule.
    pub attempts: u32,
}

/// Which dead letters are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Select {
    /// Those with these ids.
    Ids(Vec<Uuid>),
    /// All of one subject, oldest version first.
    Subject(String),
}

impl Select {
    fn matches(&self, letter: &DeadLetter) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&letter.id),
            Self::Subject(subject) => letter.subject.as_ref() == Some(subject),
        }
    }

    /// Whether there can be no others than these: the queue may be a long one.
    fn is_complete(&self, chosen: &[(DeadLetter, Delivery)]) -> bool {
        match self {
            Self::Ids(ids) => ids.iter().all(|id| chosen.iter().any(|(letter, _)| letter.id == *id)),
            Self::Subject(_) => false,
        }
    }
}

/// What is to become of dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Redrive,
    Discard,
}

/// The dead letters of one consumer. Clones look at the queue one after the other.
#[derive(Clone)]
pub struct DeadLetters {
    broker: Broker,
    publisher: Publisher,
    consumer: String,
    state: State,
    turn: Arc<Mutex<()>>,
}

impl DeadLetters {
    /// The dead letters of the consumer with this subscription.
    #[must_use]
    pub fn new(broker: &Broker, subscription: &Subscription, state: &(impl ConsumerState + Clone)) -> Self {
        Self {
            broker: broker.clone(),
            publisher: broker.publisher(),
            consumer: subscription.name().to_owned(),
            state: State::new(state),
            turn: Arc::default(),
        }
    }

    /// The consumer's name.
    #[must_use]
    pub fn consumer(&self) -> &str {
        &self.consumer
    }

    /// Up to `limit` dead letters, the oldest first, of one subject or of all.
    pub async fn list(&self, subject: Option<&str>, limit: usize) -> Result<Vec<DeadLetter>> {
        let _turn = self.turn.lock().await;
        let view = View::open(&self.broker, &self.consumer).await?;
        let mut letters = Vec::new();
        while letters.len() < limit
            && let Some((letter, _)) = view.next().await?
        {
            if subject.is_none_or(|subject| letter.subject.as_deref() == Some(subject)) {
                letters.push(letter);
            }
        }
        view.close().await?;
        Ok(letters)
    }

    /// Has the dead letters delivered to the consumer again, with the ids that they have and the
    /// whole schedule before them. Says which.
    /// After a failure, those that were not redriven are still there.
    pub async fn redrive(&self, select: &Select, actor: &str, reason: &str) -> Result<Vec<Uuid>> {
        self.decide(Action::Redrive, select, actor, reason).await
    }

    /// Deletes the dead letters. Says which.
    /// After a failure, those that were not discarded are still there.
    pub async fn discard(&self, select: &Select, actor: &str, reason: &str) -> Result<Vec<Uuid>> {
        self.decide(Action::Discard, select, actor, reason).await
    }

    /// The latest decisions of operators, the last one first.
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditEntry>> {
        self.state.audit(&self.consumer, limit).await
    }

    async fn decide(&self, action: Action, select: &Select, actor: &str, reason: &str) -> Result<Vec<Uuid>> {
        let _turn = self.turn.lock().await;
        let view = View::open(&self.broker, &self.consumer).await?;
        let mut chosen = Vec::new();
        while !select.is_complete(&chosen)
            && let Some((letter, delivery)) = view.next().await?
        {
            if select.matches(&letter) {
                chosen.push((letter, delivery));
            }
        }
        chosen.sort_by_key(|(letter, _)| letter.version);
        let mut done = Vec::with_capacity(chosen.len());
        for (letter, delivery) in chosen {
            // First the note, so that nothing is ever done without one.
            self.state.record(&self.audit_entry(action, &letter, actor, reason)).await?;
            if action == Action::Redrive {
                self.deliver_again(&letter, &delivery, actor).await?;
            }
            answer(delivery.ack(BasicAckOptions::default())).await?;
            done.push(letter.id);
        }
        view.close().await?;
        Ok(done)
    }

    fn audit_entry(&self, action: Action, letter: &DeadLetter, actor: &str, reason: &str) -> AuditEntry {
        let action = match action {
            Action::Redrive => "redrive",
            Action::Discard => "discard",
        };
        AuditEntry {
            consumer: self.consumer.clone(),
            message_id: letter.id,
            subject: letter.subject.clone().unwrap_or_default(),
            action: action.to_owned(),
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            at: Utc::now(),
        }
    }

    async fn deliver_again(&self, letter: &DeadLetter, delivery: &Delivery, actor: &str) -> Result<()> {
        let frame = Frame::forward(delivery)
            .without(wire::ATTEMPT)
            .without(wire::REASON)
            .without(wire::DIED_AT)
            .with(wire::REDRIVEN_BY, actor);
        let key = letter.kind.clone().unwrap_or_default();
        // The consumer's own exchange: other consumers of the event did not ask for it.
        Ok(self.publisher.send(self.consumer.clone(), key, frame).await?)
    }
}

/// The queue, message by message; all that is not acknowledged goes back when it is closed.
struct View {
    channel: Channel,
    queue: String,
    consumer: String,
}

impl View {
    async fn open(broker: &Broker, consumer: &str) -> Result<Self> {
        let (channel, queue) = (broker.channel().await?, dead_queue(consumer));
        Ok(Self { channel, queue, consumer: consumer.to_owned() })
    }

    /// The next one; nothing at the end of the queue. The queue's count would not do to know the end: it lags behind.
    async fn next(&self) -> Result<Option<(DeadLetter, Delivery)>> {
        let queue = self.queue.as_str().into();
        let got = answer(self.channel.basic_get(queue, BasicGetOptions::default())).await?;
        Ok(got.map(|got| (read(&self.consumer, &got.delivery), got.delivery)))
    }

    async fn close(self) -> Result<()> {
        answer(self.channel.close(200, "done".into())).await
    }
}

/// An id for what has none, so that operators can name it: always the same for the same bytes.
fn id_of(body: &[u8]) -> Uuid {
    let digest = digest::digest(&digest::SHA256, body);
    Builder::from_custom_bytes(std::array::from_fn(|index| digest.as_ref()[index])).into_uuid()
}

fn read(consumer: &str, delivery: &Delivery) -> DeadLetter {
    let properties = &delivery.properties;
    let event = wire::envelope(properties, &delivery.data).ok();
    // Without a reason of ours it is the broker who gave up.
    let reason = wire::text(properties, wire::REASON)
        .or_else(|| wire::text(properties, "x-first-death-reason"))
        .unwrap_or_else(|| "unknown".to_owned());
    DeadLetter {
        consumer: consumer.to_owned(),
        id: event.as_ref().map_or_else(|| id_of(&delivery.data), |event| event.id),
        kind: event.as_ref().map(|event| event.kind.clone()),
        subject: event.as_ref().map(|event| event.subject.clone()),
        version: event.as_ref().map(|event| event.version),
        time: event.map(|event| event.time),
        reason,
        died_at: wire::text(properties, wire::DIED_AT),
        attempts: wire::attempt(properties),
    }
}
