//! What all transitions of a unit's sagas have in common.

use crate::flow::Flow;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, PoisonError};

/// A unit with sagas: its name, their kinds, and since when their replies can come.
#[derive(Clone)]
pub(crate) struct Unit {
    name: Arc<str>,
    flows: Arc<[Arc<dyn Flow>]>,
    /// Since when the broker has been reached, as the sweep last saw.
    reached: Arc<Mutex<Option<DateTime<Utc>>>>,
}

impl Unit {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), flows: Arc::default(), reached: Arc::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn declare(&mut self, flow: Arc<dyn Flow>) {
        self.flows = self.flows.iter().cloned().chain([flow]).collect();
    }

    pub(crate) fn flows(&self) -> &[Arc<dyn Flow>] {
        &self.flows
    }

    pub(crate) fn flow(&self, kind: &str) -> anyhow::Result<Arc<dyn Flow>> {
        let found = self.flows.iter().find(|flow| flow.kind() == kind);
        found.cloned().with_context(|| format!("no saga {kind} is declared here"))
    }

    /// The routing key of replies.
    pub(crate) fn reply_to(&self) -> String {
        format!("{}.saga.replied", self.name)
    }

    /// Since when replies can come; nothing before the sweep's first look, and while the broker is away.
    pub(crate) fn reached(&self) -> Option<DateTime<Utc>> {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_reached(&self, since: Option<DateTime<Utc>>) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
