//! The words in which breakers are talked about.

use std::time::Duration;

use crate::window::Totals;

/// What a call meets at the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls pass, to find out whether the upstream has recovered.
    HalfOpen,
}

impl State {
    /// Every state, for one-hot gauges.
    pub const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// Returns the name used on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// How a call ended, as far as the health of the upstream goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The upstream answered.
    Success,
    /// The upstream could not be reached, was late, broke off or answered that it is broken.
    Failure,
    /// Says nothing about the upstream: the caller went away, or was shed before the call was made.
    Neutral,
}

/// Why a breaker moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too large a share of the calls in the window failed.
    FailureRatio,
    /// Too many calls in a row failed.
    ConsecutiveFailures,
    /// Too large a share of the calls in the window was slow.
    SlowRatio,
    /// The open time is over.
    WaitElapsed,
    /// Enough half-open calls succeeded.
    TrialsSucceeded,
    /// A half-open call failed.
    TrialFailed,
    /// The half-open calls succeeded, but too many of them were slow.
    TrialsSlow,
    /// An operator forced the state.
    Forced,
    /// An operator's force ran out.
    ForceExpired,
    /// An operator reset the breaker.
    Reset,
    /// An operator asked for a probe before the open time was over.
    Probe,
}

impl Cause {
    /// Returns the name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailureRatio => "failure_ratio",
            Self::ConsecutiveFailures => "consecutive_failures",
            Self::SlowRatio => "slow_ratio",
            Self::WaitElapsed => "wait_elapsed",
            Self::TrialsSucceeded => "trials_succeeded",
            Self::TrialFailed => "trial_failed",
            Self::TrialsSlow => "trials_slow",
            Self::Forced => "forced",
            Self::ForceExpired => "force_expired",
            Self::Reset => "reset",
            Self::Probe => "probe",
        }
    }
}

/// The state an operator may force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// Every call is refused.
    Open,
    /// Every call passes, whatever fails.
    Closed,
}

/// An operator's order to a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Force {
    /// The state to hold.
    pub to: Forced,
    /// How long to hold it. There is no force without an end: nobody remembers to lift it.
    pub ttl: Duration,
    /// Why, for whoever finds it.
    pub reason: String,
}

/// A breaker at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// What a call meets now.
    pub state: State,
    /// The operator's order in force, with the time that it has left as its `ttl`.
    pub force: Option<Force>,
    /// The calls in the window.
    pub totals: Totals,
    /// How many calls in a row have failed.
    pub consecutive_failures: u32,
    /// How many times in a row the breaker has opened without closing in between.
    pub streak: u32,
    /// How long until the timer moves the breaker.
    pub moves_in: Option<Duration>,
    /// How many half-open calls are under way.
    pub trials_under_way: u32,
}
