//! Payments on real Postgres and RabbitMQ, and a real provider on a port.

mod app;
mod breaker;
mod charges;
mod crashes;
mod erasure;
mod faults;
mod operations;
mod process;
mod processes;
mod provider;
mod reading;
mod refunds;
mod round_trips;
mod stores;
mod undoing;
mod webhooks;
mod wire;
