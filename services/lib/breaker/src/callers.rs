//! Who called lately, and whose calls were late or broken.

use crate::limits::{BARRED_FOR, CALLER_FAILURES, CALLERS, WINDOW};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The most callers that are remembered. Beyond it new ones are not counted: those that are remain a fair sample.
const MOST: usize = 4_096;
// Whoever is forgotten with the window is barred no longer.
const _: () = assert!(BARRED_FOR.as_millis() < WINDOW.as_millis());

/// Whoever a call is made for, as a number. Calls that nobody's input can spoil share one number.
pub type Caller = u64;

impl Seen {
    const fn new(now: Instant) -> Self {
        Self { last: now, failing: false, failures: VecDeque::new(), good: 0, barred_until: None }
    }
}

/// The callers of the window, each with what its last calls said.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    seen: HashMap<Caller, Seen>,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Seen {
    last: Instant,
    /// Whether the last call was late or broken.
    failing: bool,
    /// When calls were late or broken, as far as they are in the window.
    failures: VecDeque<Instant>,
    /// Good calls since the first of these: many people may share an address, and few of them have bad luck.
    good: usize,
    barred_until: Option<Instant>,
}

impl Callers {
    /// Takes note of a call that ended at `now`. A caller is barred for a while when
    /// five calls in the window, and half of them, were late or broken.
    pub(crate) fn note(&mut self, now: Instant, caller: Caller, failed: bool) {
        if !self.make_room(now, caller) {
            return;
        }
        let seen = self.seen.entry(caller).or_insert_with(|| Seen::new(now));
        (seen.last, seen.failing) = (now, failed);
        while seen.failures.front().is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW) {
            seen.failures.pop_front();
        }
        if seen.failures.is_empty() {
            seen.good = 0;
        }
        if !failed {
            seen.good += 1;
            return;
        }
        seen.failures.push_back(now);
        if seen.failures.len() >= CALLER_FAILURES.max(seen.good) {
            seen.failures.clear();
            seen.barred_until = Some(now + BARRED_FOR);
        }
    }

    /// Returns how long the caller is still barred.
    pub(crate) fn barred(&self, now: Instant, caller: Caller) -> Option<Duration> {
        let until = self.seen.get(&caller)?.barred_until?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Whether so many callers are failing that it cannot be their own fault.
    pub(crate) fn agree(&self, now: Instant) -> bool {
        let (all, failing) = self.count(now);
        failing >= CALLERS && failing * 2 >= all
    }

    /// Counts the callers of the window, and those whose last call was late or broken.
    pub(crate) fn count(&self, now: Instant) -> (usize, usize) {
        let inside = self.seen.values().filter(|seen| is_inside(seen, now));
        inside.fold((0, 0), |(all, failing), seen| (all + 1, failing + usize::from(seen.failing)))
    }

    /// Forgets everybody.
    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    /// Whether there is a place for the caller; forgets those who left the window when there is none, once a second.
    fn make_room(&mut self, now: Instant, caller: Caller) -> bool {
        if self.seen.len() < MOST || self.seen.contains_key(&caller) {
            return true;
        }
        if self.swept.is_none_or(|at| now.saturating_duration_since(at) >= Duration::from_secs(1)) {
            self.swept = Some(now);
            self.seen.retain(|_, seen| is_inside(seen, now));
        }
        self.seen.len() < MOST
    }
}

fn is_inside(seen: &Seen, now: Instant) -> bool {
    now.saturating_duration_since(seen.last) < WINDOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_agreed_are_forgotten_together() {
        let (now, mut callers) = (Instant::now(), Callers::default());
        (0..CALLERS as Caller).for_each(|caller| callers.note(now, caller, true));
        assert!(callers.agree(now));
        callers.clear();
        assert_eq!((callers.count(now), callers.agree(now)), ((0, 0), false));
    }

    #[test]
    fn a_full_table_takes_nobody_new_until_somebody_left_the_window() {
        let (began, mut callers) = (Instant::now(), Callers::default());
        let (half, most) = (MOST as Caller / 2, MOST as Caller);
        (0..half).for_each(|caller| callers.note(began, caller, false));
        let later = began + WINDOW / 2;
        (half..most).for_each(|caller| callers.note(later, caller, false));
        callers.note(later, most, true);
        assert_eq!(callers.count(later), (MOST, 0), "a new one is not counted");
        callers.note(later, most - 1, true);
        assert_eq!(callers.count(later), (MOST, 1), "a known one is");
        let end = began + WINDOW;
        callers.note(end, most, true);
        assert_eq!(callers.count(end), (MOST / 2 + 1, 2), "half have left, and the others are kept");
    }
}
