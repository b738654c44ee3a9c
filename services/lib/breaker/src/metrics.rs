//! What Prometheus is told of breakers.

use crate::state::{Change, Outcome, State};
use metrics::{Counter, counter, describe_counter, describe_gauge, gauge};

/// Gauge, one-hot, by `breaker` and `class`: 1 for the state that the class is in, 0 for the others.
pub const STATE: &str = "breaker_state";
/// Gauge: 1 while an operator holds a breaker.
pub const FORCED: &str = "breaker_forced";
/// Counter of moves, by `from`, `to` and `cause`.
pub const TRANSITIONS: &str = "breaker_transitions_total";
/// Counter of calls, by `outcome`: success, failure (no connection), broken (late or unreadable), unable (5xx at once),
/// neutral or refused.
pub const CALLS: &str = "breaker_calls_total";

/// Tells the metrics recorder what the metrics mean.
pub fn describe() {
    describe_gauge!(STATE, "1 for the state that the breaker is in, 0 for the others");
    describe_gauge!(FORCED, "1 while an operator holds the breaker open or closed");
    describe_counter!(TRANSITIONS, "Moves of the breaker, by from, to and cause");
    describe_counter!(CALLS, "Calls that asked the breaker, by how they ended");
}

/// Shows one state and zeroes the others.
pub(crate) fn show_state(name: &str, class: &'static str, state: State, forced: bool) {
    for each in State::ALL {
        let value = if each == state { 1.0 } else { 0.0 };
        gauge!(STATE, "breaker" => name.to_owned(), "class" => class, "state" => each.as_str()).set(value);
    }
    gauge!(FORCED, "breaker" => name.to_owned(), "class" => class).set(if forced { 1.0 } else { 0.0 });
}

pub(crate) fn count_transition(name: &str, class: &'static str, change: &Change) {
    let (from, to, cause) = (change.from.as_str(), change.to.as_str(), change.cause.as_str());
    let name = name.to_owned();
    counter!(TRANSITIONS, "breaker" => name, "class" => class, "from" => from, "to" => to, "cause" => cause)
        .increment(1);
}

/// The counters of one class, looked up once: calls are counted on the hot path.
pub(crate) struct Calls {
    success: Counter,
    failure: Counter,
    broken: Counter,
    unable: Counter,
    neutral: Counter,
    pub(crate) refused: Counter,
}

impl Calls {
    pub(crate) fn of(name: &str, class: &'static str) -> Self {
        let of = |outcome: &'static str| counter!(CALLS, "breaker" => name.to_owned(), "class" => class, "outcome" => outcome);
        Self {
            success: of("success"),
            failure: of("failure"),
            broken: of("broken"),
            unable: of("unable"),
            neutral: of("neutral"),
            refused: of("refused"),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        match outcome {
            Outcome::Success => self.success.increment(1),
            Outcome::Failure => self.failure.increment(1),
            Outcome::Broken => self.broken.increment(1),
            Outcome::Unable => self.unable.increment(1),
            Outcome::Neutral => self.neutral.increment(1),
        }
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Calls")
    }
}
