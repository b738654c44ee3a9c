//! Inventory and payments, as far as a saga sees them.

use contracts::command::{Direction, Outcome, Replied, StepRef};
use messaging::{HandleError, Handler, Message, Outgoing, Publisher};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use uuid::Uuid;

/// How a participant takes a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Does it, and says so.
    Does,
    /// Does it, and says so three times.
    Repeats,
    /// Refuses, for this reason.
    Refuses(&'static str),
    /// Says nothing to the first so many attempts.
    Ignores(u32),
    /// Does it, and keeps the reply until told to send it.
    Holds,
    /// Does it, and says so in words that nobody understands.
    Mumbles,
}

type StepAction = (&'static str, Direction);

#[derive(Default)]
struct Memory {
    moods: HashMap<(String, Direction), Mood>,
    heard: Vec<StepRef>,
    held: Vec<Replied>,
}

/// All participants. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Participants {
    publisher: Publisher,
    memory: Arc<Mutex<Memory>>,
}

impl Participants {
    pub(crate) fn new(publisher: Publisher) -> Self {
        Self { publisher, memory: Arc::default() }
    }

    pub(crate) fn take(&self, (step, direction): StepAction, mood: Mood) {
        self.memory.lock().unwrap().moods.insert((step.to_owned(), direction), mood);
    }

    /// The commands about a saga, in the order in which they came.
    pub(crate) fn heard(&self, saga: Uuid) -> Vec<(String, Direction, u32)> {
        let memory = self.memory.lock().unwrap();
        let about = memory.heard.iter().filter(|step| step.saga_id == saga);
        about.map(|step| (step.step.clone(), step.direction, step.attempt)).collect()
    }

    /// The replies that are held back, the oldest first.
    pub(crate) fn held(&self) -> Vec<Replied> {
        self.memory.lock().unwrap().held.clone()
    }

    pub(crate) async fn until_held(&self, count: usize) -> Vec<Replied> {
        let probe = async || Ok(Some(self.held()).filter(|held| held.len() >= count));
        kit::eventually(crate::world::PATIENCE, "replies to be held back", probe).await.unwrap()
    }

    pub(crate) async fn reply(&self, reply: Replied) {
        self.publisher.publish(Outgoing::reply(reply).unwrap()).await.unwrap();
    }
}

impl Handler for Participants {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let message = &batch[0];
        let command: Value = serde_json::from_str(message.data.get())?;
        let step: StepRef = serde_json::from_value(command["step"].clone())?;
        let mood = {
            let mut memory = self.memory.lock().unwrap();
            memory.heard.push(step.clone());
            memory.moods.get(&(step.step.clone(), step.direction)).copied().unwrap_or(Mood::Does)
        };
        let outcome = match mood {
            Mood::Refuses(code) => Outcome::Refused { code: code.to_owned(), message: "no".to_owned() },
            Mood::Mumbles => Outcome::Done { answer: Value::from("mhm") },
            _ => Outcome::Done { answer: answer(&step) },
        };
        let times = match mood {
            Mood::Repeats => 3,
            Mood::Ignores(attempts) if step.attempt <= attempts => 0,
            Mood::Holds => 0,
            _ => 1,
        };
        let reply = Replied { step, outcome };
        if mood == Mood::Holds {
            self.memory.lock().unwrap().held.push(reply.clone());
        }
        for _ in 0..times {
            self.publisher.publish(Outgoing::reply(reply.clone())?).await?;
        }
        Ok(())
    }
}

fn answer(step: &StepRef) -> Value {
    match (&*step.step, step.direction) {
        ("reserve_stock", Direction::Forward) => json!({"reservation_id": step.saga_id}),
        ("charge_payment", Direction::Forward) => json!({"payment_id": step.saga_id}),
        _ => Value::Null,
    }
}
