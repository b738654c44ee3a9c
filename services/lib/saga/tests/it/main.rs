//! The engine on real Postgres and RabbitMQ, with participants that do as they are told.

mod attention;
mod broker;
mod cancel;
mod checkout;
mod crash;
mod local;
mod operators;
mod participants;
mod path;
mod purge;
mod sweep;
mod timeouts;
mod world;
