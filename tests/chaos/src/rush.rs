//! A rush: orders at a steady rate while things are killed, each repeated until it is answered.

use crate::{PATIENCE, client, shop::Shop};
use anyhow::Context as _;
use backon::{ExponentialBuilder, Retryable as _};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};
use uuid::Uuid;

/// How long a buyer waits before asking again, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(4)];

/// Buyers at work.
pub struct Rush {
    answered: Arc<AtomicU64>,
    task: JoinHandle<Vec<Uuid>>,
}

impl Rush {
    /// Lets `count` orders be placed, `per_second` of them a second. The same `seed` makes the same orders.
    #[must_use]
    pub fn start(shop: Arc<Shop>, count: u64, per_second: u32, seed: u64) -> Self {
        let answered = Arc::<AtomicU64>::default();
        let task = tokio::spawn(place_all(shop, count, per_second, seed, Arc::clone(&answered)));
        Self { answered, task }
    }

    /// How many orders have been answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    /// Whether every order has been answered.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the last answer, and tells the ids of all orders.
    ///
    /// # Panics
    /// Panics when the load itself broke.
    pub async fn end(self) -> Vec<Uuid> {
        self.task.await.expect("the buyers' task")
    }
}

async fn place_all(shop: Arc<Shop>, count: u64, per_second: u32, seed: u64, answered: Arc<AtomicU64>) -> Vec<Uuid> {
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (client, mut under_way) = (client(), JoinSet::new());
    for number in 0..count {
        ticks.tick().await;
        let (client, shop, answered) = (client.clone(), Arc::clone(&shop), Arc::clone(&answered));
        under_way.spawn(async move {
            let order = place(&client, &shop, number, seed).await;
            answered.fetch_add(1, Relaxed);
            order
        });
    }
    under_way.join_all().await
}

/// Repeats with the same key and ever longer pauses, as a client should, whatever went wrong.
async fn place(client: &reqwest::Client, shop: &Shop, number: u64, seed: u64) -> Uuid {
    let (buyer, body) = shop.basket(number, seed);
    let key = format!("rush-{seed}-{number}");
    let ask = async || {
        let request = client.post(format!("{}/v1/orders", shop.orders)).bearer_auth(&buyer.token);
        accepted(request.header("idempotency-key", &key).json(&body).timeout(PATIENCE)).await
    };
    let [first, longest] = PAUSES;
    let pauses = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest).with_jitter();
    ask.retry(pauses.without_max_times()).await.expect("repeated until it is answered")
}

async fn accepted(request: reqwest::RequestBuilder) -> anyhow::Result<Uuid> {
    let order: Value = request.send().await?.error_for_status()?.json().await?;
    Ok(order["id"].as_str().context("an order without an id")?.parse()?)
}
