//! The stack through which every call to an upstream goes. The order of the layers is the documentation.

use super::connect::Connector;
use super::layers::{Bulkhead, Circuit, Deadline, Measure, Retry, SingleFlight, TryTimeout};
use super::transport::Transport;
use crate::config;
use breaker::Breaker;

pub(super) type Stack = Measure<Deadline<SingleFlight<Retry<Circuit<Bulkhead<TryTimeout<Transport>>>>>>>;

/// Builds the stack towards one upstream, outermost layer first.
#[rustfmt::skip]
pub(super) fn towards(name: &str, config: &config::Upstream, breaker: &Breaker, connector: Connector) -> Stack {
    // Everything is measured as the caller sees it, with retries and waiting.
    Measure::new(name,
    // The deadline bounds everything inside, so the caller gets a response in time, however many tries there are.
    Deadline::new(config.deadline(),
    // Equal reads of one caller become one. Inside the deadline, because each caller keeps its own; outside the retry,
    // so that a flight is retried once and not once for each caller.
    SingleFlight::new(
    // A second try passes the breaker like the first, and is not made when the breaker refused the first. A refused
    // connection is tried again until the deadline, so that a restart of a service loses no call.
    Retry::new(name, config.try_timeout(),
    // The breaker sees every try, because it judges the upstream. It judges by class of call and by the number of
    // callers that fail: see ADR 3.
    Circuit::new(breaker.clone(),
    // The bulkhead is inside the breaker: a shed call says nothing about the upstream, and a refused call needs no
    // place.
    Bulkhead::new(name, config.concurrency(),
    // Each try has its own timeout, so that a hanging one leaves time for another. The breaker counts it as failed.
    TryTimeout::new(config.try_timeout(),
    // The call itself.
    Transport::new(connector, config.url()))))))))
}
