//! The layers of the stack. [`super::stack`] has their order and its reasons.

mod bulkhead;
mod circuit;
mod deadline;
mod measure;
mod retry;
mod single_flight;
mod try_timeout;

use super::call::{Call, CallResult};
pub use bulkhead::Bulkhead;
pub use circuit::Circuit;
pub use deadline::Deadline;
pub use measure::Measure;
pub use retry::Retry;
pub use single_flight::SingleFlight;
pub use try_timeout::TryTimeout;

/// One layer. Each holds the next as a type, so that a call is one future.
pub trait Layer: Send + Sync + 'static {
    fn call(&self, call: Call) -> impl Future<Output = CallResult> + Send;
}
