//! The provider's API, behind a breaker, with a limit for each call.

mod wire;

use crate::{config, metrics as names};
use anyhow::Context as _;
use breaker::{Breaker, Outcome, Recovery, Registry, State};
use contracts::money::Money;
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use std::time::{Duration, Instant};
pub use wire::{Charge, ChargeStatus, Event, Refund};

/// The payment provider. Clones share breaker and connections.
#[derive(Clone)]
pub struct Provider {
    client: reqwest::Client,
    url: String,
    secret: SecretString,
    timeout: Duration,
    breakers: Registry,
    breaker: Breaker,
}

/// Why a call has no outcome.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The breaker is open: nothing was sent.
    #[error("the breaker is open")]
    Refused { retry_after: Duration },
    /// The provider did nothing: it could not be reached, or would not listen to us.
    #[error("nothing was done: {0:#}")]
    NotDone(anyhow::Error),
    /// The provider may have done it.
    #[error("it may have been done: {0:#}")]
    Unknown(anyhow::Error),
    /// The provider did nothing, and never will.
    #[error("the provider finds the request not acceptable: {0}")]
    Rejected(StatusCode),
}

/// Asks for one charge. Not `Debug`: it holds the token.
#[derive(Clone, Copy)]
pub struct ChargeRequest<'a> {
    pub key: &'a str,
    pub amount: Money,
    pub token: &'a SecretString,
    pub method: &'a str,
    pub reference: uuid::Uuid,
}

impl Provider {
    /// Prepares to call; nothing is sent.
    #[must_use]
    pub fn new(config: &config::Provider) -> Self {
        breaker::describe();
        let breakers = Registry::new(100);
        let recovery = Recovery::Pause {
            base: Duration::from_millis(config.breaker_open_ms),
            longest: Duration::from_millis(config.breaker_open_longest_ms),
        };
        Self {
            client: chassis::client::new(),
            url: config.url.trim_end_matches('/').to_owned(),
            secret: config.secret.clone(),
            timeout: config.timeout(),
            breaker: breakers.breaker("provider", &["all"], recovery),
            breakers,
        }
    }

    /// Moves the breaker when its time has come; a background task.
    pub async fn drive(self) -> anyhow::Result<()> {
        self.breakers.drive().await;
        Ok(())
    }

    /// How the breaker stands, and how long until it moves by itself.
    #[must_use]
    pub fn breaker(&self) -> (State, Option<Duration>) {
        let (classes, _) = self.breaker.snapshots();
        classes.first().map_or((State::Closed, None), |all| (all.state, all.moves_in))
    }

    #[must_use]
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Whether the provider answers at all.
    pub async fn probe(self) -> anyhow::Result<()> {
        let asked = self.client.get(format!("{}/health/live", self.url)).timeout(self.timeout);
        asked.send().await?.error_for_status().map(drop).context("the provider is not well")
    }

    /// Charges, once per key.
    pub async fn charge(&self, request: ChargeRequest<'_>) -> Result<Charge, CallError> {
        let body = wire::NewCharge {
            amount: request.amount,
            token: request.token.expose_secret(),
            method: request.method,
            reference: request.reference.to_string(),
        };
        let post = self.client.post(self.at("charges")).header("idempotency-key", request.key).json(&body);
        let charge: Charge = self.answer("charge", post).await?.ok_or_else(|| unexpected(StatusCode::NOT_FOUND))?;
        agrees(charge.amount == request.amount && charge.idempotency_key == request.key)?;
        Ok(charge)
    }

    pub async fn find_charge(&self, key: &str, amount: Money) -> Result<Option<Charge>, CallError> {
        let get = self.client.get(self.at("charges")).query(&[("idempotency_key", key)]);
        let found: Option<Charge> = self.answer("find_charge", get).await?;
        agrees(found.as_ref().is_none_or(|charge| charge.amount == amount && charge.idempotency_key == key))?;
        Ok(found)
    }

    /// Gives back some of a charge, once per key.
    pub async fn refund(&self, key: &str, charge_id: &str, amount: Money) -> Result<Refund, CallError> {
        let post = self.client.post(self.at(&format!("charges/{charge_id}/refunds"))).header("idempotency-key", key);
        let answer = self.answer("refund", post.json(&wire::NewRefund { amount })).await?;
        let refund: Refund = answer.ok_or(CallError::Rejected(StatusCode::NOT_FOUND))?;
        agrees(refund.amount == amount && refund.idempotency_key == key)?;
        Ok(refund)
    }

    pub async fn find_refund(&self, key: &str, amount: Money) -> Result<Option<Refund>, CallError> {
        let get = self.client.get(self.at("refunds")).query(&[("idempotency_key", key)]);
        let found: Option<Refund> = self.answer("find_refund", get).await?;
        agrees(found.as_ref().is_none_or(|refund| refund.amount == amount && refund.idempotency_key == key))?;
        Ok(found)
    }

    fn at(&self, path: &str) -> String {
        format!("{}/payments/v1/{path}", self.url)
    }

    /// Sends through the breaker; nothing when the provider answers 404.
    async fn answer<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        request: RequestBuilder,
    ) -> Result<Option<T>, CallError> {
        let permit =
            self.breaker.acquire(0, "").map_err(|refused| CallError::Refused { retry_after: refused.retry_after })?;
        let began = Instant::now();
        let request = request.bearer_auth(self.secret.expose_secret()).headers(chassis::client::context_headers());
        let answer = read(request.timeout(self.timeout)).await;
        let (verdict, outcome) = match &answer {
            Ok(_) => (Outcome::Success, "answered"),
            Err(CallError::Rejected(_)) => (Outcome::Neutral, "rejected"),
            Err(CallError::NotDone(_)) => (Outcome::Failure, "not_done"),
            Err(_) => (Outcome::Failure, "unknown"),
        };
        permit.finish(verdict);
        metrics::histogram!(names::CALLS, "operation" => operation, "outcome" => outcome).record(began.elapsed());
        answer
    }
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<Option<T>, CallError> {
    let answer = request.send().await.map_err(|error| {
        // Without the URL: it may hold a key, and is known anyway.
        let (connecting, error) = (error.is_connect(), anyhow::Error::new(error.without_url()));
        if connecting { CallError::NotDone(error) } else { CallError::Unknown(error) }
    })?;
    match answer.status() {
        status if status.is_success() => {
            let body = answer.json().await.map_err(|error| CallError::Unknown(error.without_url().into()))?;
            Ok(Some(body))
        }
        StatusCode::NOT_FOUND => Ok(None),
        // Our secret is wrong, or we call too often: it was not even looked at.
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) => {
            Err(CallError::NotDone(anyhow::anyhow!("the provider answered {status}")))
        }
        status @ (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) => Err(CallError::Rejected(status)),
        status => Err(unexpected(status)),
    }
}

fn unexpected(status: StatusCode) -> CallError {
    CallError::Unknown(anyhow::anyhow!("the provider answered {status}"))
}

/// Refuses an answer that is about something else than was asked for.
fn agrees(agrees: bool) -> Result<(), CallError> {
    let error = || CallError::Unknown(anyhow::anyhow!("the provider's answer is about another amount or key"));
    if agrees { Ok(()) } else { Err(error()) }
}
