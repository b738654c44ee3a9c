//! Where an outcome comes from.

use uuid::Uuid;

/// The trace, request and message that led to a call: what the outcome's messages carry on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub traceparent: Option<String>,
    /// The request that began it all.
    pub correlation_id: Option<String>,
    pub causation_id: Option<Uuid>,
}
