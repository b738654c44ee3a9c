//! The words in which breakers are talked about.

use crate::window::Totals;
use std::time::Duration;

/// What a call meets at the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Calls pass.
    Closed,
    /// A few calls pass, to find out whether the upstream has recovered.
    HalfOpen,
    /// Calls are refused.
    Open,
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
    /// The call failed in a way that no caller can cause: no connection could be made.
    Failure,
    /// The answer was late, broke off or could not be read. What this caller sent may have caused it.
    Broken,
    /// The upstream said at once that it is broken (500, 502, 503). That costs nobody time.
    Unable,
    /// Says nothing about the upstream: the caller went away, or the call was never made.
    Neutral,
}

/// Something that the breaker wants to know of the upstream. Whoever drives the breaker asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Whether it runs at all.
    Live,
    /// Whether it can do its work.
    Ready,
}

/// The upstream's answer to a [`Question`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// Yes.
    Yes,
    /// No.
    No,
    /// No answer in time.
    Nothing,
}

/// Why a breaker moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Too many calls in a row failed, for too long.
    FailuresInARow,
    /// The calls of too many callers are late or broken.
    CallersFailed,
    /// A call was late or broken, and the upstream does not say that it is alive.
    NotLive,
    /// The upstream refused a call, and says that it is not ready.
    NotReady,
    /// The open time is over.
    WaitElapsed,
    /// The upstream says that it is well again.
    ProbeSucceeded,
    /// A half-open call succeeded.
    TrialSucceeded,
    /// A half-open call failed.
    TrialFailed,
    /// An operator forced the state.
    Forced,
    /// An operator's force ran out.
    ForceExpired,
    /// An operator reset the breaker.
    Reset,
    /// An operator asked for trials before the upstream had said that it is well.
    Probe,
}

impl Cause {
    /// Returns the name used on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailuresInARow => "failures_in_a_row",
            Self::CallersFailed => "callers_failed",
            Self::NotLive => "not_live",
            Self::NotReady => "not_ready",
            Self::WaitElapsed => "wait_elapsed",
            Self::ProbeSucceeded => "probe_succeeded",
            Self::TrialSucceeded => "trial_succeeded",
            Self::TrialFailed => "trial_failed",
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

/// A call that may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Why not.
    pub why: Refusal,
    /// When it is worth asking again.
    pub retry_after: Duration,
}

/// Why a call may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The breaker is open.
    Open,
    /// The breaker is half-open, and its trials are under way.
    HalfOpen,
    /// Too many calls of this caller were late or broken. Others are not refused.
    Caller,
}

/// A move from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// The operator's words, where an operator caused it.
    pub reason: Option<String>,
}

/// One class of a breaker at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// What a call meets now.
    pub state: State,
    /// The operator's order in force, with the time that it has left as its `ttl`.
    pub force: Option<Force>,
    /// The calls in the window.
    pub totals: Totals,
    /// The callers in the window.
    pub callers: usize,
    /// Those of them whose last call was late or broken.
    pub failing_callers: usize,
    /// How many times in a row the breaker has opened without closing in between.
    pub streak: u32,
    /// How long until the timer moves the breaker.
    pub moves_in: Option<Duration>,
    /// How many half-open calls are under way.
    pub trials_under_way: u32,
}
