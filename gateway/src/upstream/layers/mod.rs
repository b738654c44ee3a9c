//! The layers of the stack, each by itself. [`crate::stack`] says in which order they stand, and why.

mod bulkhead;
mod circuit;
mod deadline;
mod measure;
mod retry;
mod single_flight;
mod try_timeout;

pub use bulkhead::Bulkhead;
pub use circuit::Circuit;
pub use deadline::Deadline;
pub use measure::Measure;
pub use retry::Retry;
pub use single_flight::SingleFlight;
pub use try_timeout::TryTimeout;
