//! Owners who read their links at a steady rate, whatever they are answered.

use crate::{PATIENCE, client};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::interval,
};
use tokio_util::sync::CancellationToken;

/// Owners at work.
pub struct Owners {
    refused: Arc<AtomicU64>,
    stop: CancellationToken,
    task: JoinHandle<u64>,
}

impl Owners {
    /// Lets the holders of `tokens` read `url` in turn, `per_second` times a second.
    #[must_use]
    pub fn start(url: String, tokens: Vec<String>, per_second: u32) -> Self {
        let (refused, stop) = (Arc::<AtomicU64>::default(), CancellationToken::new());
        let task = tokio::spawn(read(url, tokens, per_second, Arc::clone(&refused), stop.clone()));
        Self { refused, stop, task }
    }

    /// How many reads have not been answered by a success.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Stops, waits for the last answers, and tells how many reads there were.
    ///
    /// # Panics
    /// Panics when the load itself broke.
    pub async fn stop(self) -> u64 {
        self.stop.cancel();
        self.task.await.expect("the owners' task")
    }
}

async fn read(
    url: String,
    tokens: Vec<String>,
    per_second: u32,
    refused: Arc<AtomicU64>,
    stop: CancellationToken,
) -> u64 {
    let (client, mut under_way, mut reads) = (client(), JoinSet::new(), 0);
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    for token in tokens.iter().cycle() {
        if stop.run_until_cancelled(ticks.tick()).await.is_none() {
            break;
        }
        reads += 1;
        let (request, refused) = (client.get(&url).bearer_auth(token).timeout(PATIENCE), Arc::clone(&refused));
        under_way.spawn(async move {
            let is_answered = request.send().await.is_ok_and(|answer| answer.status().is_success());
            refused.fetch_add(u64::from(!is_answered), Relaxed);
        });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
    reads
}
