//! The front: ClickHouse's HTTP interface, logins and grants, and an engine's process per database.

mod access;
mod admin;
mod credentials;
mod engines;
mod options;
mod proxy;
mod server;

pub use options::Options;
pub use server::serve;
