//! The services that take part in deleting an account, played over the real broker.

use contracts::{
    command::{Outcome, Replied, StepRef, accounts::*},
    envelope::EventData,
    event::catalogue,
};
use kit::Sandbox;
use messaging::{Broker, Consumer, HandleError, Handler, MemoryState, Message, Outgoing, Publisher, Subscription};
use secrecy::SecretString;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// What they are told.
const COMMANDS: [&str; 5] =
    [DisableLinks::TYPE, EnableLinks::TYPE, DetachStatistics::TYPE, AttachStatistics::TYPE, EraseCustomer::TYPE];

/// Shortener, analytics and orders: they do what they are told, and remember it.
pub(crate) struct Participants {
    told: Arc<Mutex<Vec<String>>>,
    _consumer: AbortOnDropHandle<anyhow::Result<()>>,
}

struct Obedient {
    told: Arc<Mutex<Vec<String>>>,
    publisher: Publisher,
    refusing: Option<(&'static str, &'static str)>,
}

impl Participants {
    pub(crate) async fn obedient(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, None).await
    }

    /// One kind of command is refused, with a code.
    pub(crate) async fn refusing(sandbox: &Sandbox, kind: &'static str, code: &'static str) -> Self {
        Self::start(sandbox, Some((kind, code))).await
    }

    async fn start(sandbox: &Sandbox, refusing: Option<(&'static str, &'static str)>) -> Self {
        let broker = Broker::new(&SecretString::from(sandbox.amqp_admin()), "participants");
        let told = Arc::<Mutex<Vec<String>>>::default();
        let handler = Obedient { told: Arc::clone(&told), publisher: broker.publisher(), refusing };
        let subscription = Subscription::to_commands("test.participants", COMMANDS).partitions(1);
        let consumer = Consumer::new(&broker, subscription, &MemoryState::default(), handler);
        consumer.declare().await.unwrap();
        let running = tokio::spawn(consumer.run(CancellationToken::new()));
        Self { told, _consumer: AbortOnDropHandle::new(running) }
    }

    /// What they were told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until they were told so many things.
    pub(crate) async fn told_at_least(&self, count: usize) -> Vec<String> {
        let told = kit::eventually(Duration::from_secs(30), "the participants to be told", async || {
            let told = self.told();
            anyhow::Ok((told.len() >= count).then_some(told))
        });
        told.await.unwrap()
    }
}

impl Handler for Obedient {
    async fn handle(&self, batch: &[Message]) -> Result<(), HandleError> {
        let message = &batch[0];
        assert!(catalogue().iter().any(|entry| entry.kind == message.kind), "{} is no message of ours", message.kind);
        let command: Value = serde_json::from_str(message.data.get()).map_err(HandleError::permanent)?;
        let step: StepRef = serde_json::from_value(command["step"].clone()).map_err(HandleError::permanent)?;
        self.told.lock().unwrap().push(message.kind.clone());
        let outcome = match self.refusing {
            Some((kind, code)) if kind == message.kind => {
                Outcome::Refused { code: code.to_owned(), message: "so it is".to_owned() }
            }
            _ => Outcome::Done { answer: Value::Null },
        };
        let reply = Outgoing::reply(Replied { step, outcome }).map_err(HandleError::permanent)?;
        Ok(self.publisher.publish(reply).await?)
    }
}
