//! The services that take part in deleting an account, played over the real broker.

use contracts::{
    command::{Outcome, accounts::*},
    envelope::EventData,
    event::catalogue,
};
use harness::FakePeer;
use kit::Sandbox;
use serde_json::Value;
use std::time::Duration;

/// What they are told.
const COMMANDS: [&str; 5] =
    [DisableLinks::TYPE, EnableLinks::TYPE, DetachStatistics::TYPE, AttachStatistics::TYPE, EraseCustomer::TYPE];

/// Shortener, analytics and orders: they do what they are told.
pub(crate) struct Participants(FakePeer);

impl Participants {
    pub(crate) async fn obedient(sandbox: &Sandbox) -> Self {
        Self::start(sandbox, None).await
    }

    /// One kind of command is refused, with a code.
    pub(crate) async fn refusing(sandbox: &Sandbox, kind: &'static str, code: &'static str) -> Self {
        Self::start(sandbox, Some((kind, code))).await
    }

    async fn start(sandbox: &Sandbox, refusing: Option<(&'static str, &'static str)>) -> Self {
        let peer = FakePeer::everybody(sandbox);
        let replies = move |told: &str, _: &_| {
            assert!(catalogue().iter().any(|entry| entry.kind == told), "{told} is no message of ours");
            vec![match refusing {
                Some((kind, code)) if kind == told => {
                    Outcome::Refused { code: code.to_owned(), message: "so it is".to_owned() }
                }
                _ => Outcome::Done { answer: Value::Null },
            }]
        };
        peer.take_commands(COMMANDS, replies).await;
        Self(peer)
    }

    /// What they were told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.messages().iter().map(|message| message.kind.clone()).collect()
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
