//! shortener on a real MongoDB, Redis and RabbitMQ.

mod accounts;
mod app;
mod bulk;
mod cache;
mod clicks;
mod codes;
mod crashes;
mod events;
mod faults;
mod idempotency;
mod limits;
mod links;
mod lists;
mod operations;
mod qr;
mod redirects;
mod saga;
