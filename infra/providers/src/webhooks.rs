//! Webhooks: outcomes told to whoever takes part, signed, until heard.

use crate::config::{self, Config};
use crate::faults::{Faults, Kind};
use crate::ledger::Ledger;
use crate::payment::Outcome;
use chassis::Context;
use chrono::Utc;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The header that carries the signature: `t=<unix seconds>,v1=<hex HMAC-SHA256 of t + "." + body>`.
pub const SIGNATURE: &str = "provider-signature";
/// How many are on their way at once.
const AT_ONCE: usize = 64;
/// How long the other side may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tells outcomes. Clones are the same.
#[derive(Clone)]
pub struct Webhooks {
    sender: Option<Arc<Sender>>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Sender {
    url: String,
    settings: config::Webhooks,
    secret: SecretString,
    client: reqwest::Client,
    turns: Semaphore,
    ledger: Ledger,
    faults: Faults,
}

impl Webhooks {
    /// Tells the configured address, or nobody.
    #[must_use]
    pub fn new(config: &Config, ledger: Ledger, faults: Faults, context: &Context) -> Self {
        let sender = config.webhooks.url.clone().map(|url| {
            Arc::new(Sender {
                url,
                settings: config.webhooks.clone(),
                secret: config.secret.clone(),
                client: chassis::client::new(),
                turns: Semaphore::new(AT_ONCE),
                ledger,
                faults,
            })
        });
        Self { sender, tasks: context.tasks.clone(), shutdown: context.shutdown.clone() }
    }

    /// Tells an outcome, in the background. What is not told when the process ends is told by the next.
    pub fn tell(&self, outcome: Outcome) {
        let Some(sender) = self.sender.clone() else { return };
        let shutdown = self.shutdown.clone();
        self.tasks.spawn(async move { shutdown.run_until_cancelled(sender.deliver(&outcome)).await });
    }
}

impl Sender {
    async fn deliver(&self, outcome: &Outcome) {
        let event = outcome.event();
        let body = serde_json::to_string(&event).expect("an event is JSON");
        let mut times = if self.faults.strike(Kind::DuplicateWebhook, None).is_some() { 2 } else { 1 };
        let mut pause = Duration::from_millis(self.settings.first_pause_ms);
        for attempt in 1..=self.settings.attempts {
            while times > 0 && self.send(&body).await {
                times -= 1;
            }
            if times == 0 {
                self.ledger.told(event.id);
                return;
            }
            tracing::info!(event.id = event.id, attempt, "A webhook was not heard.");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(self.settings.longest_pause_ms));
        }
        tracing::warn!(event.id = event.id, "A webhook was given up.");
        self.ledger.told(event.id);
    }

    /// Sends it once; says whether it was heard.
    async fn send(&self, body: &str) -> bool {
        let Ok(_turn) = self.turns.acquire().await else { return false };
        let signature = sign(&self.secret, Utc::now().timestamp(), body.as_bytes());
        let request = self.client.post(&self.url).timeout(PATIENCE).header(SIGNATURE, signature);
        let answer = request.header("content-type", "application/json").body(body.to_owned()).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// The value of the header [`SIGNATURE`] for a body that is sent at `time`.
#[must_use]
pub fn sign(secret: &SecretString, time: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let signed = [time.to_string().as_bytes(), b".", body].concat();
    let tag = hmac::sign(&key, &signed);
    let hex = hex::encode(tag);
    format!("t={time},v1={hex}")
}
