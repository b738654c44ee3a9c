//! A breaker shared between tasks, and the permits it hands out.

use crate::callers::Caller;
use crate::journal::Journal;
use crate::limits::Recovery;
use crate::machine::{Machine, Moves, Ticket};
use crate::metrics;
use crate::state::{Change, Force, Outcome, Question, Refused, Snapshot, State, Word};
use parking_lot::Mutex;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Notify;

/// The breaker of one upstream, that many tasks call through. Clones are the same breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    classes: &'static [&'static str],
    machine: Mutex<Machine>,
    /// Makes numbers of callers' names, others in each process.
    hash: RandomState,
    journal: Arc<Journal>,
    /// Tells the registry's timer that a deadline may have changed.
    rearm: Arc<Notify>,
    /// Tells whoever asks the upstream that there is a question.
    doubt: Notify,
    calls: Vec<metrics::Calls>,
}

impl Breaker {
    pub(crate) fn new(
        name: &str,
        classes: &'static [&'static str],
        recovery: Recovery,
        journal: Arc<Journal>,
        rearm: Arc<Notify>,
    ) -> Self {
        let machine = Mutex::new(Machine::new(recovery, classes.len(), Instant::now(), rand::random()));
        classes.iter().for_each(|class| metrics::show_state(name, class, State::Closed, false));
        let calls = classes.iter().map(|class| metrics::Calls::of(name, class)).collect();
        let (name, hash, doubt) = (Arc::from(name), RandomState::new(), Notify::new());
        Self { inner: Arc::new(Inner { name, classes, machine, hash, journal, rearm, doubt, calls }) }
    }

    /// Returns the breaker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Returns the names of its classes, by place.
    #[must_use]
    pub fn classes(&self) -> &'static [&'static str] {
        self.inner.classes
    }

    /// Asks to make a call of the class at this place, for that caller. The end is then told to the permit.
    ///
    /// # Errors
    /// Refuses while open, while half-open once the permits are out, and callers whose calls are late or broken.
    pub fn acquire(&self, class: usize, caller: &str) -> Result<Permit, Refused> {
        let caller = self.inner.hash.hash_one(caller);
        match self.inner.machine.lock().admit(Instant::now(), class, caller) {
            Ok(ticket) => Ok(Permit { breaker: self.clone(), class, caller, ticket: Some(ticket) }),
            Err(refused) => {
                self.inner.calls[class].refused.increment(1);
                Err(refused)
            }
        }
    }

    /// Holds all classes open or closed for as long as the order says.
    pub fn force(&self, force: &Force) {
        self.change(|machine, now| machine.force(now, force));
    }

    /// Closes all classes and forgets everything, forces included.
    pub fn reset(&self, reason: &str) {
        self.change(|machine, _| machine.reset(reason));
    }

    /// Lets trial calls through at once. Returns false, and changes nothing, unless a class is open of its own accord.
    pub fn probe(&self, reason: &str) -> bool {
        self.change(|machine, now| machine.probe(now, reason))
    }

    /// Waits until there is something to ask the upstream. Losing the future loses nothing.
    pub async fn doubted(&self) {
        while !self.asks(Question::Live) && !self.asks(Question::Ready) {
            self.inner.doubt.notified().await;
        }
    }

    /// Whether the upstream is to be asked this.
    #[must_use]
    pub fn asks(&self, question: Question) -> bool {
        self.inner.machine.lock().asks(question)
    }

    /// Takes the upstream's answer.
    pub fn answered(&self, question: Question, word: Word) {
        self.change(|machine, now| machine.answered(now, question, word));
    }

    /// Returns the state that calls of a class meet.
    #[must_use]
    pub fn state(&self, class: usize) -> State {
        self.inner.machine.lock().state(class)
    }

    /// Describes each class as it stands, and says how many calls failed in a row.
    #[must_use]
    pub fn snapshots(&self) -> (Vec<Snapshot>, u32) {
        let machine = self.inner.machine.lock();
        (machine.snapshots(Instant::now()), machine.failures_in_a_row())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.inner.machine.lock().deadline()
    }

    pub(crate) fn tick(&self) {
        self.change(Machine::tick);
    }

    fn record(&self, class: usize, caller: Caller, outcome: Outcome) {
        self.inner.calls[class].count(outcome);
        self.change(|machine, now| machine.record(now, class, caller, outcome));
    }

    /// Works on the machine and tells everyone what moved. The journal and the gauges are written under the machine's
    /// lock: told outside it, two moves could be told in the wrong order.
    fn change(&self, work: impl FnOnce(&mut Machine, Instant) -> Moves) -> bool {
        let mut machine = self.inner.machine.lock();
        let now = Instant::now();
        let moves = work(&mut machine, now);
        if machine.asks(Question::Live) || machine.asks(Question::Ready) {
            self.inner.doubt.notify_one();
        }
        if moves.is_empty() {
            return false;
        }
        let forced: Vec<_> = machine.snapshots(now).into_iter().map(|class| class.force.is_some()).collect();
        for (place, change) in &moves {
            let class = self.inner.classes[*place];
            metrics::show_state(&self.inner.name, class, change.to, forced[*place]);
            metrics::count_transition(&self.inner.name, class, change);
        }
        for (classes, change) in self.together(moves) {
            self.inner.journal.append(&self.inner.name, classes, change);
        }
        self.inner.rearm.notify_one();
        true
    }

    /// Puts classes together that made the same move.
    fn together(&self, moves: Moves) -> Vec<(Vec<&'static str>, Change)> {
        let mut told: Vec<(Vec<&'static str>, Change)> = Vec::new();
        for (place, change) in moves {
            let class = self.inner.classes[place];
            match told.iter_mut().find(|(_, same)| *same == change) {
                Some((classes, _)) => classes.push(class),
                None => told.push((vec![class], change)),
            }
        }
        told
    }
}

/// The right to make one call. Dropped without a word (the caller went away, the task panicked) it counts as
/// neutral and is given back.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once says nothing about the call"]
pub struct Permit {
    breaker: Breaker,
    class: usize,
    caller: Caller,
    ticket: Option<Ticket>,
}

impl Permit {
    /// Says how the call ended. What returns may say later that the answer's body broke off.
    pub fn finish(mut self, outcome: Outcome) -> Afterwards {
        self.end(outcome);
        Afterwards { breaker: self.breaker.clone(), class: self.class, caller: self.caller }
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.inner.calls[self.class].count(outcome);
            self.breaker.change(|machine, now| machine.finish(now, ticket, outcome));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(Outcome::Neutral);
    }
}

/// A call that was counted, about which more may be learnt.
#[derive(Debug, Clone)]
pub struct Afterwards {
    breaker: Breaker,
    class: usize,
    caller: Caller,
}

impl Afterwards {
    /// Takes note of something learnt after the call had ended, such as a body that broke off.
    pub fn record(&self, outcome: Outcome) {
        self.breaker.record(self.class, self.caller, outcome);
    }
}
