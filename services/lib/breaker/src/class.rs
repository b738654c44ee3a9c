//! One class of calls: when it opens, half-opens and closes. Pure; the caller says what time it is.

use crate::callers::{Caller, Callers};
use crate::limits::{HALF_OPEN_PERMITS, RETRY_AFTER, Recovery, TRIAL_TIME};
use crate::state::{Cause, Change, Force, Forced, Outcome, Question, Refusal, Refused, Snapshot, State, Word};
use crate::window::Window;
use rand::Rng;
use rand::rngs::SmallRng;
use std::time::{Duration, Instant};

#[derive(Debug)]
enum Phase {
    /// Calls pass; a call has raised this question.
    Closed { doubt: Option<Question> },
    /// Until the timer says so, or else until the upstream answers the question well.
    Open { until: Option<Instant>, asks: Question },
    /// A few calls pass. `asks` is what it would ask if it opened again.
    HalfOpen { since: Instant, under_way: u32, asks: Question },
}

#[derive(Debug)]
struct Hold {
    until: Instant,
    force: Force,
}

/// The state machine of one class.
#[derive(Debug)]
pub(crate) struct Class {
    recovery: Recovery,
    window: Window,
    callers: Callers,
    phase: Phase,
    hold: Option<Hold>,
    streak: u32,
    epoch: u64,
}

impl Class {
    pub(crate) fn new(recovery: Recovery, now: Instant) -> Self {
        Self {
            recovery,
            window: Window::new(now),
            callers: Callers::default(),
            phase: Phase::Closed { doubt: None },
            hold: None,
            streak: 0,
            epoch: 0,
        }
    }

    pub(crate) const fn state(&self) -> State {
        match self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// Lets a call pass, in the epoch that is returned.
    pub(crate) fn admit(&mut self, now: Instant, caller: Caller) -> Result<u64, Refused> {
        let (why, retry_after) = match &mut self.phase {
            Phase::Closed { .. } => match self.callers.barred(now, caller).filter(|_| self.hold.is_none()) {
                None => return Ok(self.epoch),
                Some(left) => (Refusal::Caller, left),
            },
            Phase::HalfOpen { under_way, .. } if *under_way < HALF_OPEN_PERMITS => {
                *under_way += 1;
                return Ok(self.epoch);
            }
            Phase::HalfOpen { .. } => (Refusal::HalfOpen, RETRY_AFTER),
            Phase::Open { until, .. } => {
                let until = self.hold.as_ref().map(|hold| hold.until).or(*until);
                (Refusal::Open, until.map_or(RETRY_AFTER, |until| until.saturating_duration_since(now)))
            }
        };
        Err(Refused { why, retry_after })
    }

    /// Takes note of how a call of an epoch ended.
    pub(crate) fn finish(
        &mut self,
        now: Instant,
        epoch: u64,
        caller: Caller,
        outcome: Outcome,
        random: &mut SmallRng,
    ) -> Option<Change> {
        if epoch != self.epoch {
            return None;
        }
        if let Phase::HalfOpen { under_way, .. } = &mut self.phase {
            *under_way = under_way.saturating_sub(1);
        }
        self.record(now, caller, outcome, random)
    }

    /// Takes note of something learnt about the upstream.
    pub(crate) fn record(
        &mut self,
        now: Instant,
        caller: Caller,
        outcome: Outcome,
        random: &mut SmallRng,
    ) -> Option<Change> {
        if outcome == Outcome::Neutral {
            return None;
        }
        let failed = matches!(outcome, Outcome::Failure | Outcome::Broken);
        match self.phase {
            Phase::Closed { .. } => {
                self.window.record(now, failed);
                self.callers.note(now, caller, outcome == Outcome::Broken);
                self.doubt(now, outcome, random)
            }
            Phase::HalfOpen { asks, .. } if failed => Some(self.open(now, Cause::TrialFailed, asks, random)),
            Phase::HalfOpen { .. } if outcome == Outcome::Success => Some(self.close(Cause::TrialSucceeded, None)),
            // What was refused at once costs nobody time: the breaker stays half-open until it is well or late.
            Phase::HalfOpen { .. } | Phase::Open { .. } => None,
        }
    }

    /// Judges a call that ended while closed: it opens, or raises a question, or does nothing.
    fn doubt(&mut self, now: Instant, outcome: Outcome, random: &mut SmallRng) -> Option<Change> {
        // An operator who forced it closed wants it closed; what happens is counted all the same.
        if self.hold.is_some() {
            return None;
        }
        let question = match outcome {
            Outcome::Broken if self.callers.agree(now) => {
                return Some(self.open(now, Cause::CallersFailed, Question::Live, random));
            }
            Outcome::Broken => Question::Live,
            Outcome::Unable => Question::Ready,
            Outcome::Success | Outcome::Failure | Outcome::Neutral => return None,
        };
        if let Phase::Closed { doubt } = &mut self.phase
            && self.recovery == Recovery::Probe
        {
            // Whether it lives is asked before whether it is ready.
            *doubt = if *doubt == Some(Question::Live) { *doubt } else { Some(question) };
        }
        None
    }

    /// What it wants to know of the upstream.
    pub(crate) fn asks(&self) -> Option<Question> {
        match self.phase {
            _ if self.hold.is_some() || self.recovery != Recovery::Probe => None,
            Phase::Closed { doubt } => doubt,
            Phase::Open { asks, .. } => Some(asks),
            // The probe of the class, which closes it where no traffic does.
            Phase::HalfOpen { .. } => Some(Question::Ready),
        }
    }

    /// Takes note of what the upstream answered.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        question: Question,
        word: Word,
        random: &mut SmallRng,
    ) -> Option<Change> {
        if self.asks() != Some(question) {
            return None;
        }
        match (&mut self.phase, word) {
            (Phase::Closed { doubt }, Word::Yes) => {
                *doubt = None;
                None
            }
            (Phase::Closed { .. }, _) => {
                let cause = if question == Question::Live { Cause::NotLive } else { Cause::NotReady };
                Some(self.open(now, cause, question, random))
            }
            (Phase::Open { .. }, Word::Yes) => Some(self.half_open(now, Cause::ProbeSucceeded, None)),
            (Phase::Open { .. }, _) => None,
            // Calls that are under way have the first say, but not for ever: an upload may be slow.
            (Phase::HalfOpen { since, under_way, .. }, Word::Yes)
                if *under_way == 0 || now.saturating_duration_since(*since) >= TRIAL_TIME =>
            {
                Some(self.close(Cause::ProbeSucceeded, None))
            }
            (Phase::HalfOpen { asks, .. }, Word::Nothing) => {
                let asks = *asks;
                Some(self.open(now, Cause::TrialFailed, asks, random))
            }
            (Phase::HalfOpen { .. }, _) => None,
        }
    }

    /// Opens because calls of any class failed in a row.
    pub(crate) fn give_up(&mut self, now: Instant, random: &mut SmallRng) -> Option<Change> {
        let may_open = self.hold.is_none() && !matches!(self.phase, Phase::Open { .. });
        may_open.then(|| self.open(now, Cause::FailuresInARow, Question::Live, random))
    }

    /// Moves if its time has come. Called by a timer at [`Class::deadline`].
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Change> {
        if let Some(hold) = self.hold.take_if(|hold| hold.until <= now) {
            let reason = Some(hold.force.reason);
            return Some(match hold.force.to {
                // Whatever the operator kept traffic away from has to prove itself like any other.
                Forced::Open => self.half_open(now, Cause::ForceExpired, reason),
                Forced::Closed => self.close(Cause::ForceExpired, reason),
            });
        }
        match self.phase {
            Phase::Open { until: Some(until), .. } if until <= now && self.hold.is_none() => {
                Some(self.half_open(now, Cause::WaitElapsed, None))
            }
            _ => None,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match (&self.hold, &self.phase) {
            (Some(hold), _) => Some(hold.until),
            (None, Phase::Open { until, .. }) => *until,
            (None, _) => None,
        }
    }

    pub(crate) fn force(&mut self, now: Instant, force: Force) -> Change {
        let (until, reason) = (now + force.ttl, Some(force.reason.clone()));
        let to = match force.to {
            Forced::Open => Phase::Open { until: None, asks: Question::Live },
            Forced::Closed => Phase::Closed { doubt: None },
        };
        self.hold = Some(Hold { until, force });
        self.go(to, Cause::Forced, reason)
    }

    pub(crate) fn reset(&mut self, reason: String) -> Change {
        self.hold = None;
        self.close(Cause::Reset, Some(reason))
    }

    /// Lets trial calls through at once. Changes nothing unless it is open of its own accord.
    pub(crate) fn probe(&mut self, now: Instant, reason: String) -> Option<Change> {
        match self.phase {
            Phase::Open { .. } if self.hold.is_none() => Some(self.half_open(now, Cause::Probe, Some(reason))),
            _ => None,
        }
    }

    pub(crate) fn snapshot(&self, now: Instant) -> Snapshot {
        let left = |until: Instant| until.saturating_duration_since(now);
        let (callers, failing_callers) = self.callers.count(now);
        Snapshot {
            state: self.state(),
            force: self.hold.as_ref().map(|hold| Force { ttl: left(hold.until), ..hold.force.clone() }),
            totals: self.window.totals(now),
            callers,
            failing_callers,
            streak: self.streak,
            moves_in: self.deadline().map(left),
            trials_under_way: match self.phase {
                Phase::HalfOpen { under_way, .. } => under_way,
                _ => 0,
            },
        }
    }

    fn open(&mut self, now: Instant, cause: Cause, asks: Question, random: &mut SmallRng) -> Change {
        self.streak = self.streak.saturating_add(1);
        let until = self.recovery.pause(self.streak, random.random()).map(|pause: Duration| now + pause);
        self.go(Phase::Open { until, asks }, cause, None)
    }

    fn half_open(&mut self, now: Instant, cause: Cause, reason: Option<String>) -> Change {
        let asks = match self.phase {
            Phase::Open { asks, .. } | Phase::HalfOpen { asks, .. } => asks,
            Phase::Closed { .. } => Question::Live,
        };
        self.go(Phase::HalfOpen { since: now, under_way: 0, asks }, cause, reason)
    }

    fn close(&mut self, cause: Cause, reason: Option<String>) -> Change {
        self.streak = 0;
        self.go(Phase::Closed { doubt: None }, cause, reason)
    }

    /// Enters a phase. Its calls start a new epoch, so that those of the old one no longer count.
    fn go(&mut self, phase: Phase, cause: Cause, reason: Option<String>) -> Change {
        let from = self.state();
        self.phase = phase;
        self.epoch += 1;
        self.window.clear();
        self.callers.clear();
        Change { from, to: self.state(), cause, reason }
    }
}
