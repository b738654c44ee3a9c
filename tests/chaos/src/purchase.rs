//! One purchase: an order that is placed, and maybe called off; each request is repeated until it is answered.

use crate::{
    PATIENCE,
    shop::{Buyer, Shop},
};
use anyhow::ensure;
use backon::{ExponentialBuilder, Retryable as _};
use contracts::rest::orders::{Order, OrderStatus};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;
use uuid::Uuid;

/// How long a buyer waits before asking again, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];
/// How long a buyer who thinks better of it waits for the order to come to rest: longer than an engine takes to be back.
const SECOND_THOUGHTS: Duration = Duration::from_secs(20);

/// An order that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Placed {
    pub id: Uuid,
    /// What its buyer was told about calling it off.
    pub calling_off: CallingOff,
}

/// What a buyer was told about calling an order off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallingOff {
    /// Nothing: the buyer did not ask.
    Unasked,
    /// That it is, or will be, cancelled.
    Promised,
    /// That it cannot be any more.
    Refused,
}

/// When a buyer calls an order off.
#[derive(Debug, Clone, Copy)]
enum Regret {
    AtOnce,
    /// When stock and payment are decided on, or have taken too long.
    AtRest,
}

/// One buyer's visit to the shop.
pub(crate) struct Purchase {
    client: reqwest::Client,
    /// Where orders are placed.
    url: String,
    buyer: Buyer,
    body: Value,
    number: u64,
    seed: u64,
}

impl Purchase {
    /// The purchase that `number` and `seed` decide on: the same in every run.
    pub(crate) fn new(client: &reqwest::Client, shop: &Shop, number: u64, seed: u64) -> Self {
        let (buyer, body) = shop.basket(number, seed);
        let (client, url, buyer) = (client.clone(), format!("{}/v1/orders", shop.orders), buyer.clone());
        Self { client, url, buyer, body, number, seed }
    }

    /// Places the order, and tells its id.
    pub(crate) async fn place(&self) -> Uuid {
        let key = format!("rush-{}-{}", self.seed, self.number);
        let ask = async || {
            let request = self.client.post(&self.url).bearer_auth(&self.buyer.token).header("idempotency-key", &key);
            let order: Order = read(request.json(&self.body)).await?;
            Ok(order.id)
        };
        until_answered(ask).await
    }

    /// Calls the order off where the buyer thinks better of it.
    pub(crate) async fn think_better(&self, id: Uuid) -> CallingOff {
        match self.regret() {
            None => return CallingOff::Unasked,
            Some(Regret::AtOnce) => {}
            Some(Regret::AtRest) => {
                // In time or not, it is called off.
                let _ = timeout(SECOND_THOUGHTS, until_answered(async || self.is_at_rest(id).await)).await;
            }
        }
        until_answered(async || self.call_off(id).await).await
    }

    /// Of twenty orders one is called off at once, and two when they have come to rest.
    fn regret(&self) -> Option<Regret> {
        let mut chance = StdRng::seed_from_u64(self.seed.wrapping_mul(2_000_003).wrapping_add(self.number));
        match chance.random_range(0..20) {
            0 => Some(Regret::AtOnce),
            1 | 2 => Some(Regret::AtRest),
            _ => None,
        }
    }

    async fn is_at_rest(&self, id: Uuid) -> anyhow::Result<()> {
        let request = self.client.get(format!("{}/{id}", self.url)).bearer_auth(&self.buyer.token);
        let order: Order = read(request).await?;
        ensure!(order.status != OrderStatus::Pending, "it is under way");
        Ok(())
    }

    async fn call_off(&self, id: Uuid) -> anyhow::Result<CallingOff> {
        let request = self.client.post(format!("{}/{id}/cancel", self.url)).bearer_auth(&self.buyer.token);
        let answer = request.json(&json!({"reason": "thought better of it"})).timeout(PATIENCE).send().await?;
        if answer.status() == StatusCode::CONFLICT {
            return Ok(CallingOff::Refused);
        }
        let order: Order = answer.error_for_status()?.json().await?;
        let is_promised = order.cancelling || order.status == OrderStatus::Cancelled;
        Ok(if is_promised { CallingOff::Promised } else { CallingOff::Refused })
    }
}

/// Repeats with ever longer pauses, as a client should, whatever went wrong.
async fn until_answered<T, F: Future<Output = anyhow::Result<T>>>(ask: impl FnMut() -> F) -> T {
    let [first, longest] = PAUSES;
    let pauses = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_jitter();
    ask.retry(pauses.without_max_times()).await.expect("repeated until it is answered")
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> anyhow::Result<T> {
    Ok(request.timeout(PATIENCE).send().await?.error_for_status()?.json().await?)
}
