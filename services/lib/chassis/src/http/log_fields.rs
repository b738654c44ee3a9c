//! Fields that handlers add to the canonical log line of their request. Never personal data.

use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    static FIELDS: LogFields;
}

/// The fields of one request.
#[derive(Clone, Default)]
pub(super) struct LogFields(Arc<Mutex<Map<String, Value>>>);

impl LogFields {
    pub(super) async fn scope<F: Future>(self, work: F) -> F::Output {
        FIELDS.scope(self, work).await
    }

    /// The fields as JSON, or nothing where there are none.
    pub(super) fn to_json(&self) -> Option<String> {
        let fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!fields.is_empty()).then(|| serde_json::to_string(&*fields).ok()).flatten()
    }
}

/// Adds a field to the log line of the request that is being served; outside a request, does nothing.
pub fn add(name: &'static str, value: impl Into<Value>) {
    let _ = FIELDS.try_with(|LogFields(fields)| {
        let mut fields = fields.lock().unwrap_or_else(PoisonError::into_inner);
        fields.insert(name.to_owned(), value.into());
    });
}
