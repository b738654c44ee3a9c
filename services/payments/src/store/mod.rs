//! Queries, one module per table. Nothing else speaks SQL.

pub mod calls;
pub mod erased_customers;
pub mod payments;
pub mod provider_events;
pub mod refunds;
