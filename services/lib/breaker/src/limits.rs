//! The numbers of the rule, and how an open breaker finds out that the upstream is well again.

use std::time::Duration;

/// How far back calls and callers count.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);
/// How many failures in a row open all classes.
pub(crate) const FAILURES_IN_A_ROW: u32 = 5;
/// How long failures go on before they open: a planned restart is over by then, and its callers are still waiting.
const FAILING_FOR: Duration = Duration::from_secs(2);
/// How many callers must be failing, and with them half of all callers, to open a class.
pub(crate) const CALLERS: usize = 5;
/// How many late or broken calls of one caller in the window, and with them half of its calls, bar that caller.
pub(crate) const CALLER_FAILURES: usize = 5;
/// How long such a caller is refused.
pub(crate) const BARRED_FOR: Duration = Duration::from_secs(5);
/// How many calls may be under way at once while half-open.
pub(crate) const HALF_OPEN_PERMITS: u32 = 3;
/// How long half-open calls alone may say whether the upstream is well; then its own word counts, too. A little longer
/// than a call to most upstreams may take.
pub(crate) const TRIAL_TIME: Duration = Duration::from_millis(1_750);
/// What a refused caller is told to wait where no timer says when the breaker moves.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The largest share of a pause that jitter adds, so that breakers of many processes don't try at once.
const JITTER: f64 = 0.1;

/// How an open breaker finds out that the upstream is well again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Recovery {
    /// Somebody asks the upstream what [`Machine::asks`](crate::Machine::asks) wants to know. Failures must go on for two seconds to open.
    Probe,
    /// Nobody can ask: it waits, and then tries calls. Five failures in a row open at once.
    Pause {
        /// The first pause.
        base: Duration,
        /// The longest pause, before jitter; each opening in a row doubles up to here.
        longest: Duration,
    },
}

impl Recovery {
    /// Returns how long the `streak`-th opening in a row lasts (the first is 1); `random` is 0 to 1.
    pub(crate) fn pause(self, streak: u32, random: f64) -> Option<Duration> {
        let Self::Pause { base, longest } = self else { return None };
        let doubled = base.saturating_mul(1 << streak.saturating_sub(1).min(31));
        Some(doubled.min(longest).mul_f64(1.0 + JITTER * random))
    }

    pub(crate) const fn failing_for(self) -> Duration {
        match self {
            Self::Probe => FAILING_FOR,
            Self::Pause { .. } => Duration::ZERO,
        }
    }
}
