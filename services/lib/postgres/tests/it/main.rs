//! The way to Postgres, on a real one.

mod failures;
mod idempotency;
mod transactions;
