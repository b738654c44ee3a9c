//! A rush: orders at a steady rate while things are killed, some of which are called off again.

use crate::{
    client,
    purchase::{Placed, Purchase},
    shop::Shop,
};
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

/// Buyers at work.
pub struct Rush {
    answered: Arc<AtomicU64>,
    task: JoinHandle<Vec<Placed>>,
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

    /// Whether every order has been answered, and every wish to call one off.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the last answer, and tells of all orders.
    ///
    /// # Panics
    /// Panics when the load itself broke.
    pub async fn end(self) -> Vec<Placed> {
        self.task.await.expect("the buyers' task")
    }
}

async fn place_all(shop: Arc<Shop>, count: u64, per_second: u32, seed: u64, answered: Arc<AtomicU64>) -> Vec<Placed> {
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (client, mut under_way) = (client(), JoinSet::new());
    for number in 0..count {
        ticks.tick().await;
        let purchase = Purchase::new(&client, &shop, number, seed);
        let answered = Arc::clone(&answered);
        under_way.spawn(async move {
            let id = purchase.place().await;
            answered.fetch_add(1, Relaxed);
            Placed { id, calling_off: purchase.think_better(id).await }
        });
    }
    under_way.join_all().await
}
