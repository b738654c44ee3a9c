//! Remembers that an engine did not answer.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// How long after an engine did not answer it is asked again, where one can do without.
const PAUSE: Duration = Duration::from_secs(1);

/// Since when an engine has not answered.
#[derive(Debug, Default)]
pub(super) struct Absence(Mutex<Option<Instant>>);

impl Absence {
    /// Notes that it did not answer.
    pub(super) fn note(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Notes that it did.
    pub(super) fn clear(&self) {
        *self.0.lock() = None;
    }

    /// Whether it did not answer the last time.
    pub(super) fn is_noted(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Whether to ask it: always while it answers, and else one caller in every [`PAUSE`], so that only that one waits.
    pub(super) fn may_ask(&self) -> bool {
        let mut since = self.0.lock();
        match *since {
            None => true,
            Some(at) if at.elapsed() < PAUSE => false,
            Some(_) => {
                *since = Some(Instant::now());
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_answer_is_left_alone_for_a_while() {
        let absence = Absence::default();
        assert!(absence.may_ask());
        absence.note();
        assert!(absence.is_noted() && !absence.may_ask());
        *absence.0.lock() = Instant::now().checked_sub(PAUSE);
        assert!(absence.may_ask(), "one tries");
        assert!(!absence.may_ask(), "and only one");
        absence.clear();
        assert!(absence.may_ask() && absence.may_ask());
    }
}
