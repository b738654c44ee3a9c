//! What the tests of a service stand on: the service, and everybody whom it talks to.
//!
//! - [`TestApp`] is the service in the test's own process: on port 0, with databases of its own.
//! - [`TestProgram`] is the service's program, which can die at a failpoint and be started again.
//! - [`FakePeer`] is another unit at the broker: it sends commands and events, and notes what it hears.
//! - [`Issuer`] stands in for auth: tokens, and the key set that verifies them.
//! - [`request`] makes requests, [`Answer`] reads answers and problems, [`Operation`] lists what a service describes.
//! - [`idempotency`] is what a repeated request means, for every service alike.
//! - [`sql`] looks into a Postgres database, [`published`] into the log of events, [`round_trips`] counts statements.
//!
//! Tests await conditions and never sleep; what has not come true after [`PATIENCE`] fails the test. Only tests depend on
//! this crate. Engines and processes are the kit's, which knows nothing of the chassis.

mod answer;
mod app;
mod config;
pub mod idempotency;
pub mod issuer;
mod operation;
mod peer;
mod program;
mod round_trips;
pub mod sql;

pub use answer::{Answer, request, with};
pub use app::TestApp;
pub use config::merged;
pub use issuer::Issuer;
pub use operation::{Operation, unreadable};
pub use peer::{FakePeer, published};
pub use program::TestProgram;
pub use round_trips::round_trips;

/// How long a condition may take to come true on a busy machine.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
