//! Queries, by table.

pub mod commands;
pub mod customers;
pub mod events;
pub mod histories;
pub mod links;
pub mod orders;
pub mod payment_methods;
pub mod placing;
pub mod products;
pub mod sales;
