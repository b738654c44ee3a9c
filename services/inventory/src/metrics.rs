//! Names of the metrics that inventory reports. Those of HTTP, tasks and messaging are the chassis's.

/// Counts reservations that were asked for, by `outcome`: `reserved`, `repeated`, `out_of_stock`, `unknown_product`
/// or `undone`.
pub const RESERVATIONS: &str = "inventory_reservations_total";
/// Counts reservations that ended, by `outcome`: `fulfilled`, `released`, `expired` or `short`.
pub const RESERVATIONS_ENDED: &str = "inventory_reservations_ended_total";
/// Tells how many reservations are open.
pub const RESERVATIONS_OPEN: &str = "inventory_reservations_open";
/// Tells how many orders were confirmed whose pieces were gone: somebody must see to each.
pub const RESERVATIONS_SHORT: &str = "inventory_reservations_short";
/// Counts what happened to stock, by `kind`.
pub const STOCK_OPERATIONS: &str = "inventory_stock_operations_total";
/// Counts numbers that a rebuild found to be other than the operations say, by `field`.
pub const DIFFERENCES: &str = "inventory_stock_differences_total";
/// Counts answers to repeated requests that were dropped because their time was over.
pub const KEYS_PURGED: &str = "inventory_idempotency_keys_purged_total";
