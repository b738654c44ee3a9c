//! Facts that handlers add to the canonical log line of their request. Never personal data.

use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static FACTS: Facts;
}

/// The facts of one request.
#[derive(Clone, Default)]
pub(super) struct Facts(Arc<Mutex<Map<String, Value>>>);

impl Facts {
    pub(super) async fn scope<F: Future>(self, work: F) -> F::Output {
        FACTS.scope(self, work).await
    }

    /// The facts as JSON, or nothing where there are none.
    pub(super) fn to_json(&self) -> Option<String> {
        let facts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!facts.is_empty()).then(|| serde_json::to_string(&*facts).ok()).flatten()
    }
}

/// Adds a fact to the log line of the request that is being served; outside a request, does nothing.
pub fn note(name: &'static str, value: impl Into<Value>) {
    let _ = FACTS.try_with(|Facts(facts)| {
        let mut facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.insert(name.to_owned(), value.into());
    });
}
