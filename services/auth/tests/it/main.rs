//! auth on a real Postgres and a real RabbitMQ.

mod app;
mod bootstrap;
mod change_password;
mod crashes;
mod deletion;
mod events;
mod faults;
mod isolation;
mod keys;
mod limits;
mod log_in;
mod operations;
mod participants;
mod process;
mod purge;
mod refresh;
mod register;
mod services;
