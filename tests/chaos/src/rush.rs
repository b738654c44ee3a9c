//! A rush: orders at a steady rate while things are killed, each repeated until it is answered.

use crate::{PATIENCE, client, shop::Shop};
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

/// How long a buyer waits before asking again.
const PAUSE: Duration = Duration::from_millis(250);

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
    let mut under_way = JoinSet::new();
    for number in 0..count {
        ticks.tick().await;
        let (shop, answered) = (Arc::clone(&shop), Arc::clone(&answered));
        under_way.spawn(async move {
            let order = place(&shop, number, seed).await;
            answered.fetch_add(1, Relaxed);
            order
        });
    }
    under_way.join_all().await
}

/// Repeats with the same key, as a client should, whatever went wrong.
async fn place(shop: &Shop, number: u64, seed: u64) -> Uuid {
    let (buyer, body) = shop.basket(number, seed);
    let key = format!("rush-{seed}-{number}");
    let mut pauses = interval(PAUSE);
    loop {
        pauses.tick().await;
        let request = client().post(format!("{}/v1/orders", shop.orders)).bearer_auth(&buyer.token);
        let request = request.header("idempotency-key", &key).json(&body).timeout(PATIENCE);
        if let Some(id) = accepted(request).await {
            return id;
        }
    }
}

async fn accepted(request: reqwest::RequestBuilder) -> Option<Uuid> {
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    let order: Value = answer.json().await.ok()?;
    order["id"].as_str()?.parse().ok()
}
