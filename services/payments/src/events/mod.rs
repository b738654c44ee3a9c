//! What is consumed: commands of sagas, and the erasure of customers.

pub mod commands;
pub mod customers;
