//! The layers of the stack, each by itself. [`super::stack`] says in which order they stand, and why.

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

use super::call::{Call, CallResult};

/// One layer: it may answer itself, or pass the call on to the layer inside it, and look at what comes back. Each layer
/// holds the next, so that a call is one future, however many layers it passes.
pub trait Layer: Send + Sync + 'static {
    fn call(&self, call: Call) -> impl Future<Output = CallResult> + Send;
}
