//! The chassis on real engines and over real sockets.

mod jwt;
mod messaging;
mod postgres;
mod server;
mod stores;
