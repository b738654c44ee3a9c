//! Queries, by table.

pub mod commands;
pub mod customers;
pub mod events;
pub mod histories;
pub mod idempotency;
pub mod links;
pub mod orders;
pub mod payment_methods;
pub mod products;
pub mod sales;

/// One column of what is written in many rows.
fn column<'a, R, T>(rows: &'a [R], of: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}
