//! The chassis over real sockets.

mod jwt;
mod server;
mod service_identity;
