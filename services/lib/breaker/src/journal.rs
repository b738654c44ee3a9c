//! The numbered record of transitions.

use crate::state::Change;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// One move of one breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Its number: 1 for the first of the process, without gaps.
    pub number: u64,
    /// When it happened.
    pub at: SystemTime,
    /// The breaker's name.
    pub breaker: Arc<str>,
    /// The classes that moved together.
    pub classes: Vec<&'static str>,
    /// What happened.
    pub change: Change,
}

/// Numbers transitions and keeps the latest. Watchers read from it at their own pace: a slow one loses the oldest
/// transitions, which the numbers show, and never holds up a breaker.
#[derive(Debug)]
pub struct Journal {
    ring: Mutex<VecDeque<Arc<Transition>>>,
    capacity: usize,
    latest: watch::Sender<u64>,
}

impl Journal {
    /// Creates an empty journal that keeps the latest `capacity` transitions.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { ring: Mutex::new(VecDeque::with_capacity(capacity)), capacity, latest: watch::Sender::new(0) }
    }

    pub(crate) fn append(&self, breaker: &Arc<str>, classes: Vec<&'static str>, change: Change) {
        let mut ring = self.ring.lock();
        let number = ring.back().map_or(1, |last| last.number + 1);
        if ring.len() == self.capacity {
            ring.pop_front();
        }
        let breaker = Arc::clone(breaker);
        ring.push_back(Arc::new(Transition { number, at: SystemTime::now(), breaker, classes, change }));
        self.latest.send_replace(number);
    }

    /// Returns the kept transitions with a number above `number`, oldest first.
    #[must_use]
    pub fn after(&self, number: u64) -> Vec<Arc<Transition>> {
        self.ring.lock().iter().filter(|kept| kept.number > number).cloned().collect()
    }

    /// Returns the number of the latest transition, 0 before the first.
    #[must_use]
    pub fn latest(&self) -> u64 {
        *self.latest.borrow()
    }

    /// Watches the transitions after `number`: first those kept, then each as it happens. A number that this process
    /// has not reached comes from an earlier process; the watcher then gets all that is kept.
    #[must_use]
    pub fn subscribe(self: &Arc<Self>, number: u64) -> Subscription {
        let news = self.latest.subscribe();
        let seen = if number > self.latest() { 0 } else { number };
        Subscription { journal: Arc::clone(self), news, seen }
    }
}

/// A watcher's place in a [`Journal`].
#[derive(Debug)]
pub struct Subscription {
    journal: Arc<Journal>,
    news: watch::Receiver<u64>,
    seen: u64,
}

impl Subscription {
    /// Waits for the next transition. Losing the future loses nothing.
    pub async fn next(&mut self) -> Arc<Transition> {
        loop {
            // Marked as seen before looking, so that what arrives in between wakes us again.
            self.news.borrow_and_update();
            let next = self.journal.ring.lock().iter().find(|kept| kept.number > self.seen).cloned();
            if let Some(transition) = next {
                self.seen = transition.number;
                return transition;
            }
            if self.news.changed().await.is_err() {
                // Unreachable while `self.journal` holds the sender.
                std::future::pending::<()>().await;
            }
        }
    }
}
