//! The queues in which messages wait behind a failing one of their subject.

use crate::state::Waiting;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Whether it is a message's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nobody of its subject waits.
    Free,
    /// It is the first in its queue.
    First,
    /// Others of its subject come first. They wait on this level of the schedule.
    Behind {
        /// The level that the first of the queue waits on.
        level: usize,
    },
}

/// The queues of one partition, by subject.
#[derive(Debug, Default)]
pub(super) struct SubjectQueues(HashMap<String, VecDeque<Queued>>);

#[derive(Debug)]
struct Queued {
    id: Uuid,
    position: i64,
    seen: Instant,
    level: usize,
}

impl SubjectQueues {
    /// Takes over what the store remembers, in order of position.
    pub(super) fn load(waiting: Vec<Waiting>) -> Self {
        let mut queues = Self::default();
        for Waiting { subject, id, position } in waiting {
            let queued = Queued { id, position, seen: Instant::now(), level: 0 };
            queues.0.entry(subject).or_default().push_back(queued);
        }
        queues
    }

    /// Says whether it is the turn of message `id`.
    pub(super) fn turn(&self, subject: &str, id: Uuid) -> Turn {
        match self.0.get(subject).and_then(VecDeque::front) {
            None => Turn::Free,
            Some(first) if first.id == id => Turn::First,
            Some(first) => Turn::Behind { level: first.level },
        }
    }

    /// The position that message `id` has in its queue, or gets at the end of it.
    pub(super) fn position(&self, subject: &str, id: Uuid) -> i64 {
        let Some(queue) = self.0.get(subject) else { return 1 };
        let known = queue.iter().find(|queued| queued.id == id);
        known.map_or_else(|| queue.back().map_or(1, |last| last.position + 1), |queued| queued.position)
    }

    /// Puts message `id` into its queue, or notes that it was seen and waits on `level` now.
    pub(super) fn put(&mut self, subject: &str, id: Uuid, level: usize) {
        let position = self.position(subject, id);
        let queue = self.0.entry(subject.to_owned()).or_default();
        let seen = Instant::now();
        match queue.iter_mut().find(|queued| queued.id == id) {
            Some(queued) => (queued.seen, queued.level) = (seen, level),
            None => queue.push_back(Queued { id, position, seen, level }),
        }
    }

    /// Takes message `id` out of its queue; says whether it was there.
    pub(super) fn remove(&mut self, subject: &str, id: Uuid) -> bool {
        let Some(queue) = self.0.get_mut(subject) else { return false };
        let before = queue.len();
        queue.retain(|queued| queued.id != id);
        let found = queue.len() < before;
        if queue.is_empty() {
            self.0.remove(subject);
        }
        found
    }

    /// The first of the queue when nothing was heard of it for `limit`: whoever put it there died
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
        let mut queues = SubjectQueues::default();
        assert_eq!(queues.turn("a", first), Turn::Free);
        queues.put("a", first, 2);
        queues.put("a", second, 2);
        assert_eq!(queues.turn("a", first), Turn::First);
        assert_eq!(queues.turn("a", second), Turn::Behind { level: 2 });
        assert_eq!(queues.turn("b", other), Turn::Free);
        assert!(queues.remove("a", first));
        assert_eq!(queues.turn("a", second), Turn::First);
        assert!(queues.remove("a", second));
        assert!(!queues.remove("a", second));
        assert_eq!(queues.turn("a", other), Turn::Free);
    }

    #[test]
    fn seeing_a_message_again_keeps_its_place() {
        let [first, second, third] = ids();
        let mut queues = SubjectQueues::load(vec![
            Waiting { subject: "a".into(), id: first, position: 4 },
            Waiting { subject: "a".into(), id: second, position: 5 },
        ]);
        queues.put("a", first, 1);
        assert_eq!(queues.position("a", first), 4);
        assert_eq!(queues.position("a", third), 6);
        assert_eq!(queues.turn("a", second), Turn::Behind { level: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_that_never_comes_back_is_given_up() {
        let [first, second] = ids();
        let mut queues = SubjectQueues::default();
        queues.put("a", first, 0);
        queues.put("a", second, 0);
        let limit = Duration::from_secs(60);
        assert_eq!(queues.lost("a", limit), None);
        tokio::time::advance(limit * 2).await;
        assert_eq!(queues.lost("a", limit), Some(first));
    }
}
