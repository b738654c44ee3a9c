//! The lines in which messages wait behind a failing one of their subject.

use crate::state::Waiting;
use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// Whether it is a message's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody of its subject waits.
    Free,
    /// It is the first in its line.
    First,
    /// Others of its subject come first. They wait on this rung of the ladder.
    Behind {
        /// The rung that the first in line waits on.
        rung: usize,
    },
}

/// The lines of one partition, by subject.
#[derive(Debug, Default)]
pub(super) struct Lines(HashMap<String, VecDeque<Place>>);

#[derive(Debug)]
struct Place {
    id: Uuid,
    position: i64,
    seen: Instant,
    rung: usize,
}

impl Lines {
    /// Takes over what the ledger remembers, in order of position.
    pub(super) fn load(waiting: Vec<Waiting>) -> Self {
        let mut lines = Self::default();
        for Waiting { subject, id, position } in waiting {
            let place = Place { id, position, seen: Instant::now(), rung: 0 };
            lines.0.entry(subject).or_default().push_back(place);
        }
        lines
    }

    /// Says whether it is the turn of message `id`.
    pub(super) fn turn(&self, subject: &str, id: Uuid) -> Turn {
        match self.0.get(subject).and_then(VecDeque::front) {
            None => Turn::Free,
            Some(first) if first.id == id => Turn::First,
            Some(first) => Turn::Behind { rung: first.rung },
        }
    }

    /// The position that message `id` has in its line, or gets at the end of it.
    pub(super) fn position(&self, subject: &str, id: Uuid) -> i64 {
        let Some(line) = self.0.get(subject) else { return 1 };
        let known = line.iter().find(|place| place.id == id);
        known.map_or_else(|| line.back().map_or(1, |last| last.position + 1), |place| place.position)
    }

    /// Puts message `id` in line, or notes that it was seen and waits on `rung` now.
    pub(super) fn put(&mut self, subject: &str, id: Uuid, rung: usize) {
        let position = self.position(subject, id);
        let line = self.0.entry(subject.to_owned()).or_default();
        let seen = Instant::now();
        match line.iter_mut().find(|place| place.id == id) {
            Some(place) => (place.seen, place.rung) = (seen, rung),
            None => line.push_back(Place { id, position, seen, rung }),
        }
    }

    /// Takes message `id` out of its line; says whether it was there.
    pub(super) fn remove(&mut self, subject: &str, id: Uuid) -> bool {
        let Some(line) = self.0.get_mut(subject) else { return false };
        let before = line.len();
        line.retain(|place| place.id != id);
        let found = line.len() < before;
        if line.is_empty() {
            self.0.remove(subject);
        }
        found
    }

    /// The first in line when nothing was heard of it for `limit`: whoever put it in line died
    /// before its message was on the way back, so that nobody would ever end the wait.
    pub(super) fn lost(&self, subject: &str, limit: Duration) -> Option<Uuid> {
        let first = self.0.get(subject)?.front()?;
        (first.seen.elapsed() > limit).then_some(first.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids<const N: usize>() -> [Uuid; N] {
        std::array::from_fn(|_| Uuid::now_v7())
    }

    #[test]
    fn only_the_first_in_line_has_its_turn() {
        let [first, second, other] = ids();
        let mut lines = Lines::default();
        assert_eq!(lines.turn("a", first), Turn::Free);
        lines.put("a", first, 2);
        lines.put("a", second, 2);
        assert_eq!(lines.turn("a", first), Turn::First);
        assert_eq!(lines.turn("a", second), Turn::Behind { rung: 2 });
        assert_eq!(lines.turn("b", other), Turn::Free);
        assert!(lines.remove("a", first));
        assert_eq!(lines.turn("a", second), Turn::First);
        assert!(lines.remove("a", second));
        assert!(!lines.remove("a", second));
        assert_eq!(lines.turn("a", other), Turn::Free);
    }

    #[test]
    fn seeing_a_message_again_keeps_its_place() {
        let [first, second, third] = ids();
        let mut lines = Lines::load(vec![
            Waiting { subject: "a".into(), id: first, position: 4 },
            Waiting { subject: "a".into(), id: second, position: 5 },
        ]);
        lines.put("a", first, 1);
        assert_eq!(lines.position("a", first), 4);
        assert_eq!(lines.position("a", third), 6);
        assert_eq!(lines.turn("a", second), Turn::Behind { rung: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_never_comes_back_is_given_up() {
        let [first, second] = ids();
        let mut lines = Lines::default();
        lines.put("a", first, 0);
        lines.put("a", second, 0);
        let limit = Duration::from_secs(60);
        assert_eq!(lines.lost("a", limit), None);
        tokio::time::advance(limit * 2).await;
        assert_eq!(lines.lost("a", limit), Some(first));
    }
}
