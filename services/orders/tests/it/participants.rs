//! inventory and payments, played over the broker; and everything that orders tells.

use contracts::{
    command::{Direction, Outcome, Replied, StepRef, checkout::*},
    envelope::{Event, EventData},
    event::TYPES,
};
use harness::FakePeer;
use kit::Sandbox;
use messaging::{Message, Outgoing};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    ops::Deref,
    sync::{Arc, Mutex},
};
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
    pub(crate) version: u64,
    pub(crate) data: Value,
}

/// Steps and what happens at each. At all others: [`Act::Done`].
type Acts = Arc<Mutex<HashMap<&'static str, Act>>>;

pub(crate) struct Participants {
    acts: Acts,
    peer: FakePeer,
}

impl Deref for Participants {
    type Target = FakePeer;

    fn deref(&self) -> &FakePeer {
        &self.peer
    }
}

impl Participants {
    pub(crate) async fn new(sandbox: &Sandbox) -> Self {
        let (acts, peer) = (Acts::default(), FakePeer::everybody(sandbox));
        let acted = Arc::clone(&acts);
        peer.take_commands(COMMANDS, move |_, step| {
            let act = acted.lock().unwrap().get(&*step.step).copied().unwrap_or(Act::Done);
            outcomes(act, step)
        })
        .await;
        peer.hear_replies("auth").await;
        peer.hear_events(TYPES.iter().copied().filter(|kind| kind.starts_with("orders."))).await;
        Self { acts, peer }
    }

    /// What happens at a step from now on, done and undone.
    pub(crate) fn act(&self, step: &'static str, act: Act) {
        self.acts.lock().unwrap().insert(step, act);
    }

    pub(crate) async fn tell<T: EventData>(&self, subject: Uuid, version: u64, data: T) {
        self.event(Event::new(subject.to_string(), version, data)).await;
    }

    /// The commands about a saga, as `type` and `attempt`.
    pub(crate) fn commands(&self, saga: Uuid) -> Vec<(String, Value)> {
        let own = self.seen(saga).into_iter().filter(|seen| COMMANDS.contains(&&*seen.kind));
        own.map(|seen| (seen.kind, seen.data)).collect()
    }

    /// Says at last that the command of this kind is done, which was met with silence.
    pub(crate) async fn answer(&self, saga: Uuid, kind: &str) {
        let (_, data) = self.commands(saga).into_iter().rfind(|(seen, _)| seen == kind).expect("it came");
        let step = serde_json::from_value(data["step"].clone()).unwrap();
        self.publish(Outgoing::reply(Replied { step, outcome: Outcome::Done { answer: Value::Null } }).unwrap()).await;
    }

    /// Waits until a saga's command of this kind has come.
    pub(crate) async fn asked(&self, saga: Uuid, kind: &str) {
        let asked = kit::eventually(harness::PATIENCE, kind, async || {
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
        let mut events = self.seen(subject);
        let mut versions = BTreeSet::new();
        events.retain(|seen| !COMMANDS.contains(&&*seen.kind) && versions.insert(seen.version));
        events
    }

    /// All messages about something.
    fn seen(&self, subject: Uuid) -> Vec<Seen> {
        let mut messages = self.messages();
        messages.retain(|message| message.kind != Replied::TYPE && message.subject == subject.to_string());
        messages.iter().map(seen).collect()
    }

    pub(crate) fn replies(&self) -> Vec<Replied> {
        self.heard(|_| true)
    }

    /// Everything that was heard, as text.
    pub(crate) fn text(&self) -> String {
        self.messages().iter().map(|heard| format!("{} {} {}\n", heard.kind, heard.subject, heard.data.get())).collect()
    }
}

fn seen(message: &Message) -> Seen {
    Seen {
        kind: message.kind.clone(),
        version: message.version,
        data: serde_json::from_str(message.data.get()).unwrap(),
    }
}

/// The payment of an order's checkout.
pub(crate) fn payment_of(saga: Uuid) -> Uuid {
    Uuid::from_u128(saga.as_u128() ^ 1)
}

/// What is replied at a step, and how often.
fn outcomes(act: Act, step: &StepRef) -> Vec<Outcome> {
    let answer = match (&*step.step, step.direction) {
        ("reserve_stock", Direction::Forward) => json!({"reservation_id": step.saga_id}),
        ("charge_payment", Direction::Forward) => json!({"payment_id": payment_of(step.saga_id)}),
        _ => Value::Null,
    };
    let done = Outcome::Done { answer };
    match act {
        Act::Refuse(code) if step.direction == Direction::Forward => {
            vec![Outcome::Refused { code: code.to_owned(), message: "Not today.".to_owned() }]
        }
        Act::Done | Act::Refuse(_) => vec![done],
        Act::Twice => vec![done.clone(), done],
        Act::Silent => Vec::new(),
    }
}
