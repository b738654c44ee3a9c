//! The rule: when a breaker opens, half-opens and closes. Pure; the caller says what time it is.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::settings::Settings;
use crate::state::{Cause, Force, Forced, Outcome, Snapshot, State};
use crate::window::{Window, share};

/// What a refused caller is told to wait when all half-open permits are taken: nobody knows how long those calls take.
const TRIAL_WAIT: Duration = Duration::from_secs(1);

/// The right to make one call. It belongs to the phase in which it was given: a call that outlives its phase
/// says nothing about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
}

/// A call that may not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The state that refused it.
    pub state: State,
    /// When it is worth asking again.
    pub retry_after: Duration,
    /// Whether an operator wants it so.
    pub forced: bool,
}

/// The answer to the question whether a call may be made.
pub type Admission = Result<Ticket, Refused>;

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

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { under_way: u32, succeeded: u32, slow: u32 },
}

impl Phase {
    const fn state(&self) -> State {
        match self {
            Self::Closed => State::Closed,
            Self::Open { .. } => State::Open,
            Self::HalfOpen { .. } => State::HalfOpen,
        }
    }
}

#[derive(Debug)]
struct Hold {
    until: Instant,
    force: Force,
}

/// One breaker's state machine.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    window: Window,
    phase: Phase,
    hold: Option<Hold>,
    consecutive: u32,
    streak: u32,
    epoch: u64,
    random: SmallRng,
}

impl Machine {
    /// Creates a closed breaker. `seed` decides the jitter.
    #[must_use]
    pub fn new(settings: Settings, now: Instant, seed: u64) -> Self {
        let window = Window::new(now, settings.window, settings.buckets);
        Self {
            settings,
            window,
            phase: Phase::Closed,
            hold: None,
            consecutive: 0,
            streak: 0,
            epoch: 0,
            random: SmallRng::seed_from_u64(seed),
        }
    }

    /// Returns the state that calls meet.
    #[must_use]
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// Refuses while open, and while half-open once the permits are out.
    pub fn admit(&mut self, now: Instant) -> Admission {
        let permits = self.settings.half_open_permits;
        let retry_after = match &mut self.phase {
            Phase::Closed => return Ok(Ticket { epoch: self.epoch }),
            // A success keeps its place: the fourth caller has nothing to add to three trials.
            Phase::HalfOpen { under_way, succeeded, .. } if *under_way + *succeeded < permits => {
                *under_way += 1;
                return Ok(Ticket { epoch: self.epoch });
            }
            Phase::HalfOpen { .. } => TRIAL_WAIT,
            Phase::Open { until } => until.saturating_duration_since(now),
        };
        Err(Refused { state: self.state(), retry_after, forced: self.hold.is_some() })
    }

    /// Takes note of how a call ended and how long it took. A neutral end only gives the permit back.
    pub fn finish(&mut self, now: Instant, ticket: Ticket, outcome: Outcome, took: Duration) -> Option<Change> {
        if ticket.epoch != self.epoch {
            return None;
        }
        if let Phase::HalfOpen { under_way, .. } = &mut self.phase {
            *under_way = under_way.saturating_sub(1);
        }
        self.record(now, outcome, took)
    }

    /// Takes note of something learnt about the upstream outside any call, such as a body that broke off after
    /// its call had been counted.
    pub fn record(&mut self, now: Instant, outcome: Outcome, took: Duration) -> Option<Change> {
        let failed = match outcome {
            Outcome::Neutral => return None,
            Outcome::Failure => true,
            Outcome::Success => false,
        };
        let slow = took > self.settings.slow_after;
        match self.phase {
            Phase::Closed => self.count(now, failed, slow),
            Phase::HalfOpen { .. } => self.try_out(now, failed, slow),
            Phase::Open { .. } => None,
        }
    }

    /// Moves the breaker if its time has come. Called by a timer at [`Machine::deadline`].
    pub fn tick(&mut self, now: Instant) -> Option<Change> {
        if let Some(hold) = self.hold.take_if(|hold| hold.until <= now) {
            let reason = Some(hold.force.reason);
            return Some(match hold.force.to {
                // Whatever the operator kept traffic away from has to prove itself like any other.
                Forced::Open => self.half_open(Cause::ForceExpired, reason),
                Forced::Closed => self.close(Cause::ForceExpired, reason),
            });
        }
        match self.phase {
            Phase::Open { until } if until <= now && self.hold.is_none() => {
                Some(self.half_open(Cause::WaitElapsed, None))
            }
            _ => None,
        }
    }

    /// Returns when the breaker will next move by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match (&self.hold, &self.phase) {
            (Some(hold), _) => Some(hold.until),
            (None, Phase::Open { until }) => Some(*until),
            (None, _) => None,
        }
    }

    /// Holds the breaker open or closed for as long as the order says.
    pub fn force(&mut self, now: Instant, force: Force) -> Change {
        let until = now + force.ttl;
        let reason = Some(force.reason.clone());
        let to = match force.to {
            Forced::Open => Phase::Open { until },
            Forced::Closed => Phase::Closed,
        };
        self.hold = Some(Hold { until, force });
        self.go(to, Cause::Forced, reason)
    }

    /// Closes the breaker and forgets everything, forces included.
    pub fn reset(&mut self, reason: String) -> Change {
        self.hold = None;
        self.close(Cause::Reset, Some(reason))
    }

    /// Lets trial calls through at once instead of at the end of the open time. Changes nothing unless the breaker
    /// is open of its own accord.
    pub fn probe(&mut self, reason: String) -> Option<Change> {
        match self.phase {
            Phase::Open { .. } if self.hold.is_none() => Some(self.half_open(Cause::Probe, Some(reason))),
            _ => None,
        }
    }

    /// Describes the breaker as it stands.
    #[must_use]
    pub fn snapshot(&self, now: Instant) -> Snapshot {
        Snapshot {
            state: self.state(),
            force: self
                .hold
                .as_ref()
                .map(|hold| Force { ttl: hold.until.saturating_duration_since(now), ..hold.force.clone() }),
            totals: self.window.totals(now),
            consecutive_failures: self.consecutive,
            streak: self.streak,
            moves_in: self.deadline().map(|at| at.saturating_duration_since(now)),
            trials_under_way: match self.phase {
                Phase::HalfOpen { under_way, .. } => under_way,
                _ => 0,
            },
        }
    }

    fn count(&mut self, now: Instant, failed: bool, slow: bool) -> Option<Change> {
        self.window.record(now, failed, slow);
        self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
        // An operator who forced it closed wants it closed; what happens is counted all the same.
        if self.hold.is_some() {
            return None;
        }
        let totals = self.window.totals(now);
        let enough = totals.calls >= self.settings.minimum_calls;
        let cause = if self.consecutive >= self.settings.consecutive_failures {
            Cause::ConsecutiveFailures
        } else if enough && totals.failure_ratio() >= self.settings.failure_ratio {
            Cause::FailureRatio
        } else if enough && totals.slow_ratio() >= self.settings.slow_ratio {
            Cause::SlowRatio
        } else {
            return None;
        };
        Some(self.open(now, cause))
    }

    fn try_out(&mut self, now: Instant, failed: bool, was_slow: bool) -> Option<Change> {
        if failed {
            return Some(self.open(now, Cause::TrialFailed));
        }
        let Phase::HalfOpen { succeeded, slow, .. } = &mut self.phase else {
            return None;
        };
        *succeeded += 1;
        *slow += u32::from(was_slow);
        if *succeeded < self.settings.half_open_permits {
            return None;
        }
        if share(*slow, *succeeded) >= self.settings.slow_ratio {
            return Some(self.open(now, Cause::TrialsSlow));
        }
        Some(self.close(Cause::TrialsSucceeded, None))
    }

    fn open(&mut self, now: Instant, cause: Cause) -> Change {
        self.streak = self.streak.saturating_add(1);
        let jitter = 1.0 + self.settings.jitter * self.random.random::<f64>();
        let until = now + self.settings.open_for(self.streak).mul_f64(jitter);
        self.go(Phase::Open { until }, cause, None)
    }

    fn half_open(&mut self, cause: Cause, reason: Option<String>) -> Change {
        self.go(Phase::HalfOpen { under_way: 0, succeeded: 0, slow: 0 }, cause, reason)
    }

    fn close(&mut self, cause: Cause, reason: Option<String>) -> Change {
        self.streak = 0;
        self.go(Phase::Closed, cause, reason)
    }

    /// Enters a phase. Its calls start a new epoch, so that those of the old one no longer count.
    fn go(&mut self, phase: Phase, cause: Cause, reason: Option<String>) -> Change {
        let from = self.state();
        self.phase = phase;
        self.epoch += 1;
        self.window.clear();
        self.consecutive = 0;
        Change { from, to: self.state(), cause, reason }
    }
}
