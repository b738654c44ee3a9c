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
