//! Circuit breakers: they stop calls to an upstream that is failing or slow, and let it prove itself before
//! traffic returns.
//!
//! * [`Machine`] is the rule itself: pure, with time passed in. Everything that can be proved is proved there.
//! * [`Breaker`] shares one machine between tasks and hands out a [`Permit`] per call; a permit that is dropped
//!   is given back, so that a cancelled call can never wedge a half-open breaker.
//! * [`Registry`] holds the breakers of a process and [drives](Registry::drive) their timers: a breaker half-opens
//!   when its time has come, whether or not a call arrives.
//! * [`Journal`] numbers every transition and keeps the latest, so that a watcher that lost its connection goes
//!   on where it stopped.
//!
//! The crate does no I/O. `docs/adr/0003-own-breaker.md` says why it exists.

mod breaker;
mod journal;
mod machine;
mod metrics;
mod registry;
mod settings;
mod state;
mod window;

pub use breaker::{Breaker, Permit};
pub use journal::{Journal, Subscription, Transition};
pub use machine::{Admission, Change, Machine, Refused, Ticket};
pub use metrics::{CALLS, FORCED, STATE, TRANSITIONS, describe};
pub use registry::Registry;
pub use settings::Settings;
pub use state::{Cause, Force, Forced, Outcome, Snapshot, State};
pub use window::Totals;
