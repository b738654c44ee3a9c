//! The engine's process: one database, the library, a few threads, and a Unix socket.

mod chdb;
mod chunks;
mod http;
mod options;
mod pool;
mod run;
mod session;

pub use http::serve;
pub use options::{Limits, Options};
