//! orders on a real Postgres and a real RabbitMQ; inventory and payments are played over the broker.

mod app;
mod cancelling;
mod changes;
mod checkout;
mod copies;
mod crashes;
mod customers;
mod erasure;
mod faults;
mod idempotency;
mod isolation;
mod operations;
mod participants;
mod placing;
mod races;
mod reading;
mod round_trips;
mod sales;
mod shipping;
mod store;
