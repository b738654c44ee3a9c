//! inventory on a real Postgres and a real RabbitMQ.

mod app;
mod commands;
mod concurrency;
mod confirmations;
mod crashes;
mod expiry;
mod faults;
mod isolation;
mod operations;
mod products;
mod rebuild;
mod round_trips;
mod saga;
mod stock;
