//! Names of the metrics that payments reports. Those of HTTP, tasks, messaging and the breaker are their crates'.

/// Counts charges whose outcome became known, by `outcome`: `captured` or `declined`.
pub const CHARGES: &str = "payments_charges_total";
/// Counts refunds whose outcome became known, by `outcome`: `succeeded` or `failed`.
pub const REFUNDS: &str = "payments_refunds_total";
/// Measures calls to the provider, by `operation` and `outcome`, in seconds.
pub const CALLS: &str = "payments_provider_call_seconds";
/// Counts calls that are put off, by `reason`: `refused`, `not_sent` or `unknown`.
pub const PUT_OFF: &str = "payments_calls_put_off_total";
/// Tells how many charges and refunds have no outcome yet.
pub const UNSETTLED: &str = "payments_unsettled";
/// Tells how long the oldest of them has none, in seconds.
pub const UNSETTLED_OLDEST: &str = "payments_unsettled_oldest_seconds";
/// Counts webhooks, by `outcome`: `settled`, `known`, `replayed`, `ignored` or `refused`.
pub const WEBHOOKS: &str = "payments_webhooks_total";
