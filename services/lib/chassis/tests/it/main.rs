//! The chassis over real sockets.

mod jwt;
mod server;
