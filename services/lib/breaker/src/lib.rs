//! Circuit breakers: they stop calls to an upstream that is away, and let it prove itself before traffic returns.
//! Nothing that one caller sends opens them for others.
//!
//! * [`Machine`] is the rule itself, for one upstream and its classes of calls: pure, with time passed in. Everything
//!   that can be proved is proved there.
//! * [`Breaker`] shares one machine between tasks and hands out a [`Permit`] per call; a permit that is dropped
//!   is given back, so that a cancelled call can never wedge a half-open breaker.
//! * [`Registry`] holds the breakers of a process and [drives](Registry::drive) their timers. Where an upstream can be
//!   asked how it is, [`Breaker::doubted`] says when, and [`Breaker::answered`] takes the answer.
//! * [`Journal`] numbers every transition and keeps the latest, so that a watcher that lost its connection goes
//!   on where it stopped.
//!
//! The crate does no I/O. `docs/adr/0003-own-breaker.md` says why it exists.

#![warn(missing_docs)]

mod breaker;
mod callers;
mod class;
mod journal;
mod limits;
mod machine;
mod metrics;
mod registry;
mod state;
mod window;

pub use breaker::{Afterwards, Breaker, Permit};
pub use callers::Caller;
pub use journal::{Journal, Subscription, Transition};
pub use limits::Recovery;
pub use machine::{Machine, Moves, Ticket};
pub use metrics::{CALLS, FORCED, STATE, TRANSITIONS, describe};
pub use registry::Registry;
pub use state::{Cause, Change, Force, Forced, Outcome, Question, Refusal, Refused, Snapshot, State, Word};
pub use window::Totals;
