//! Redirects at a steady rate, with books of what was answered.

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
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// What became of the redirects that were asked for.
#[derive(Debug, Default)]
pub struct Books {
    /// Answered with a redirect: each is exactly one click.
    pub answered: AtomicU64,
    /// Refused by status, or never sent: none is a click.
    pub refused: AtomicU64,
    /// Sent and never answered: each may be a click or none.
    pub unknown: AtomicU64,
}

impl Books {
    /// The least and the greatest number of clicks that can be right.
    #[must_use]
    pub fn bounds(&self) -> (u64, u64) {
        let answered = self.answered.load(Relaxed);
        (answered, answered + self.unknown.load(Relaxed))
    }

    /// How many have ended, whichever way.
    #[must_use]
    pub fn ended(&self) -> u64 {
        [&self.answered, &self.refused, &self.unknown].map(|account| account.load(Relaxed)).iter().sum()
    }
}

/// Visitors that click until they are told to stop.
pub struct Visitors {
    books: Arc<Books>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Visitors {
    /// Lets visitors click `urls` in turn, `per_second` times a second.
    #[must_use]
    pub fn start(urls: Vec<String>, per_second: u32) -> Self {
        let (books, stop) = (Arc::new(Books::default()), CancellationToken::new());
        let task = tokio::spawn(click(urls, per_second, Arc::clone(&books), stop.clone()));
        Self { books, stop, task }
    }

    /// What became of the clicks so far.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Stops, waits for the last answers, and tells what became of the clicks.
    ///
    /// # Panics
    /// Panics when the load itself broke.
    pub async fn stop(self) -> Arc<Books> {
        self.stop.cancel();
        self.task.await.expect("the visitors' task");
        self.books
    }
}

async fn click(urls: Vec<String>, per_second: u32, books: Arc<Books>, stop: CancellationToken) {
    let client = client();
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    for url in urls.iter().cycle() {
        if stop.run_until_cancelled(ticks.tick()).await.is_none() {
            break;
        }
        let (request, books) = (client.get(url).timeout(PATIENCE), Arc::clone(&books));
        under_way.spawn(async move { enter(&books, request.send().await) });
        while under_way.try_join_next().is_some() {}
    }
    under_way.join_all().await;
}

fn enter(books: &Books, outcome: reqwest::Result<reqwest::Response>) {
    let account = match outcome {
        Ok(answer) if answer.status().is_redirection() => &books.answered,
        Ok(_) => &books.refused,
        Err(error) if error.is_connect() => &books.refused,
        Err(_) => &books.unknown,
    };
    account.fetch_add(1, Relaxed);
}
