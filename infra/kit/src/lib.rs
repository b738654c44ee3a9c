//! What `cargo dev` and the tests share: the engines, the logins on them and the processes of Vitrine.
//!
//! Where to look:
//! - [`engines`] installs, starts, provisions and stops Postgres, MongoDB, two Redis, RabbitMQ and ClickHouse in
//!   `.dev/<profile>/`, on ports of their own.
//! - [`Sandbox`] gives one test its own databases and logins, as narrow as production's.
//! - [`environment`] turns logins into the environment that a service reads.
//! - [`Stack`] runs the real binaries with that environment.
//! - [`Proxy`] is a cable that can be slow or cut, [`Disk`] a disk that can be full.
//! - [`eventually`] waits for a condition. Tests never sleep.
//!
//! Invariants: nothing outside `.dev/` is written (but for packages that are missing), no process is killed
//! unless its id *and* its start time are those written down when it was started, and no login of one unit
//! opens the database of another.

mod disk;
mod engine;
pub mod engines;
pub mod environment;
pub mod files;
pub mod http;
mod lock;
pub mod npm;
pub mod paths;
pub mod ports;
pub mod process;
pub mod progress;
pub mod provision;
mod proxy;
mod sandbox;
pub mod secrets;
pub mod stack;
mod sweeper;
pub mod trouble;
pub mod units;
mod wait;

pub use disk::Disk;
pub use engine::Engine;
pub use proxy::{Pace, Proxy};
pub use sandbox::Sandbox;
pub use stack::{Builder, Stack};
pub use trouble::Trouble;
pub use wait::eventually;
