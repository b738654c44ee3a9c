//! The breakers of a process and the timer that moves them.

use crate::breaker::Breaker;
use crate::journal::Journal;
use crate::limits::Recovery;
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The breakers of a process, by name, with the journal that they share.
#[derive(Debug, Clone)]
pub struct Registry {
    breakers: Arc<RwLock<BTreeMap<String, Breaker>>>,
    journal: Arc<Journal>,
    rearm: Arc<Notify>,
}

impl Registry {
    /// Creates an empty registry whose journal keeps the latest `kept` transitions.
    #[must_use]
    pub fn new(kept: usize) -> Self {
        Self { breakers: Arc::default(), journal: Arc::new(Journal::new(kept)), rearm: Arc::default() }
    }

    /// Returns the breaker of that name, and creates it with these classes if there is none.
    #[must_use]
    pub fn breaker(&self, name: &str, classes: &'static [&'static str], recovery: Recovery) -> Breaker {
        let mut breakers = self.breakers.write();
        let create = || Breaker::new(name, classes, recovery, Arc::clone(&self.journal), Arc::clone(&self.rearm));
        breakers.entry(name.to_owned()).or_insert_with(create).clone()
    }

    /// Returns the breaker of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Breaker> {
        self.breakers.read().get(name).cloned()
    }

    /// Returns every breaker, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Breaker> {
        self.breakers.read().values().cloned().collect()
    }

    /// Returns the record of transitions.
    #[must_use]
    pub fn journal(&self) -> Arc<Journal> {
        Arc::clone(&self.journal)
    }

    /// Moves breakers when their time has come. Runs until dropped; without it an open breaker stays open.
    pub async fn drive(self) {
        loop {
            let deadline = self.all().iter().filter_map(Breaker::deadline).min();
            match deadline {
                None => self.rearm.notified().await,
                Some(at) => tokio::select! {
                    () = self.rearm.notified() => {}
                    () = sleep_until(Instant::from_std(at)) => self.all().iter().for_each(Breaker::tick),
                },
            }
        }
    }
}
