//! The stack through which every call to an upstream goes. The order of the layers is the documentation.

use breaker::Breaker;

use super::connect::Connector;
use super::layers::{Bulkhead, Circuit, Deadline, Measure, Retry, SingleFlight, TryTimeout};
use super::transport::Transport;
use crate::config;

/// The layers around a transport.
pub(super) type Stack = Measure<Deadline<SingleFlight<Retry<Circuit<Bulkhead<TryTimeout<Transport>>>>>>>;

/// Builds the stack towards one upstream, outermost layer first.
#[rustfmt::skip]
pub(super) fn towards(name: &str, config: &config::Upstream, breaker: &Breaker, connector: Connector) -> Stack {
    // Everything is measured as the caller feels it, retries and waiting included.
    Measure::new(name,
    // The deadline bounds all that follows: however often it is tried inside, the caller is answered in time.
    Deadline::new(config.deadline(),
    // Equal reads of one caller become one: inside the deadline, so that each caller keeps its own; outside the retry,
    // so that one flight is retried once and not once per caller.
    SingleFlight::new(
    // A second try meets the breaker like the first, and is not made when the first was refused there. A connection
    // that is refused is tried again and again: a service that restarts loses nobody's call.
    Retry::new(name, config.try_timeout(),
    // The breaker sees every try, for it judges the upstream and not our patience; what it refuses costs nothing
    // further in. It judges by class of call, and by how many callers fare badly: see ADR 3.
    Circuit::new(breaker.clone(),
    // The bulkhead stands inside the breaker: what is shed here is our own fullness and says nothing about the
    // upstream, and an open breaker needs no places.
    Bulkhead::new(name, config.concurrency(),
    // Each try has its own limit, so that a hanging one leaves time for another; the breaker counts it as failed.
    TryTimeout::new(config.try_timeout(),
    // The call itself.
    Transport::new(connector, config.url()))))))))
}
