//! Names of the metrics that orders reports. Those of HTTP, tasks, messaging and sagas are the chassis's and the engine's.

/// Counts events of orders that were stored, by `type`.
pub const ORDER_EVENTS: &str = "orders_events_total";
/// Measures the time from placing to confirmation, in seconds. Measured before the commit: one that is rolled back and
/// made again counts twice.
pub const CONFIRMATION: &str = "orders_confirmation_duration_seconds";
/// Measures how many events were read beyond the snapshot to load an order.
pub const LOADED_EVENTS: &str = "orders_loaded_events";
/// Counts requests that came again with their `Idempotency-Key`, by `outcome`: `answered`, `mismatch`, `in_progress`.
pub const REPEATED: &str = "orders_repeated_requests_total";
/// Counts requests that were refused because they held a card number.
pub const CARD_NUMBERS: &str = "orders_card_numbers_refused_total";
/// Counts customers, by `what`: `created`, `updated`, `erased`.
pub const CUSTOMERS: &str = "orders_customers_total";
/// Tells how many clients watch an order in this process.
pub const WATCHERS: &str = "orders_watchers";
/// Counts rows that were dropped because their time was over, by `table`.
pub const PURGED: &str = "orders_purged_total";
