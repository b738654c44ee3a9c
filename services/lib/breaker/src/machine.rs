//! The rule for one upstream: its classes of calls, and what counts for all of them. Pure, with time passed in.

use crate::callers::Caller;
use crate::class::Class;
use crate::limits::{FAILURES_IN_A_ROW, Recovery};
use crate::state::{Change, Force, Outcome, Question, Refused, Snapshot, State, Word};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::time::Instant;

/// The right to make one call. It belongs to the phase in which it was given: a call that outlives its phase
/// says nothing about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    class: usize,
    caller: Caller,
    epoch: u64,
}

/// The moves of classes, by their places.
pub type Moves = Vec<(usize, Change)>;

/// One upstream's state machine.
#[derive(Debug)]
pub struct Machine {
    recovery: Recovery,
    classes: Vec<Class>,
    /// Failures since the last success, and when they began.
    row: Option<(u32, Instant)>,
    random: SmallRng,
}

impl Machine {
    /// Creates a closed breaker for so many classes. `seed` decides the jitter.
    #[must_use]
    pub fn new(recovery: Recovery, classes: usize, now: Instant, seed: u64) -> Self {
        let classes = (0..classes).map(|_| Class::new(recovery, now)).collect();
        Self { recovery, classes, row: None, random: SmallRng::seed_from_u64(seed) }
    }

    /// Returns the state that calls of a class meet.
    #[must_use]
    pub fn state(&self, class: usize) -> State {
        self.classes[class].state()
    }

    /// Asks to make a call.
    ///
    /// # Errors
    /// Refuses while open, while half-open once the permits are out, and callers who are barred.
    pub fn admit(&mut self, now: Instant, class: usize, caller: Caller) -> Result<Ticket, Refused> {
        let epoch = self.classes[class].admit(now, caller)?;
        Ok(Ticket { class, caller, epoch })
    }

    /// Takes note of how a call ended. A neutral end only gives the permit back.
    pub fn finish(&mut self, now: Instant, ticket: Ticket, outcome: Outcome) -> Moves {
        let Ticket { class, caller, epoch } = ticket;
        let moved = self.classes[class].finish(now, epoch, caller, outcome, &mut self.random);
        self.count(now, outcome, moved.map(|change| (class, change)))
    }

    /// Takes note of something learnt about the upstream outside any call, such as a body that broke off after its
    /// call had been counted.
    pub fn record(&mut self, now: Instant, class: usize, caller: Caller, outcome: Outcome) -> Moves {
        let moved = self.classes[class].record(now, caller, outcome, &mut self.random);
        self.count(now, outcome, moved.map(|change| (class, change)))
    }

    /// Whether any class wants to know this of the upstream.
    #[must_use]
    pub fn asks(&self, question: Question) -> bool {
        self.classes.iter().any(|class| class.asks() == Some(question))
    }

    /// Takes note of what the upstream answered when it was asked.
    pub fn answered(&mut self, now: Instant, question: Question, word: Word) -> Moves {
        let random = &mut self.random;
        let each = self.classes.iter_mut().enumerate();
        let mut moves: Moves =
            each.filter_map(|(place, class)| Some((place, class.answered(now, question, word, random)?))).collect();
        // Our own question that is not answered counts like a connection that is refused: no caller can cause it.
        let outcome = if word == Word::Nothing { Outcome::Failure } else { Outcome::Success };
        moves.extend(self.count(now, outcome, None));
        moves
    }

    /// Counts what no caller can cause: it holds for all classes.
    fn count(&mut self, now: Instant, outcome: Outcome, moved: Option<(usize, Change)>) -> Moves {
        let mut moves = Vec::from_iter(moved);
        match outcome {
            Outcome::Success => self.row = None,
            Outcome::Failure => {
                let (count, since) = self.row.unwrap_or((0, now));
                let (count, lasts) = (count.saturating_add(1), now.saturating_duration_since(since));
                self.row = Some((count, since));
                if count >= FAILURES_IN_A_ROW && lasts >= self.recovery.failing_for() {
                    self.row = None;
                    let random = &mut self.random;
                    let each = self.classes.iter_mut().enumerate();
                    moves.extend(each.filter_map(|(place, class)| Some((place, class.give_up(now, random)?))));
                }
            }
            Outcome::Broken | Outcome::Unable | Outcome::Neutral => {}
        }
        moves
    }

    /// Moves the classes whose time has come. Called by a timer at [`Machine::deadline`].
    pub fn tick(&mut self, now: Instant) -> Moves {
        self.each(|class| class.tick(now))
    }

    /// Returns when the breaker will next move by itself.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.classes.iter().filter_map(Class::deadline).min()
    }

    /// Holds all classes open or closed for as long as the order says.
    pub fn force(&mut self, now: Instant, force: &Force) -> Moves {
        self.each(|class| Some(class.force(now, force.clone())))
    }

    /// Closes all classes and forgets everything, forces included.
    pub fn reset(&mut self, reason: &str) -> Moves {
        self.row = None;
        self.each(|class| Some(class.reset(reason.to_owned())))
    }

    /// Lets trial calls through at once, in those classes that are open of their own accord.
    pub fn probe(&mut self, now: Instant, reason: &str) -> Moves {
        self.each(|class| class.probe(now, reason.to_owned()))
    }

    /// Describes each class as it stands.
    #[must_use]
    pub fn snapshots(&self, now: Instant) -> Vec<Snapshot> {
        self.classes.iter().map(|class| class.snapshot(now)).collect()
    }

    /// Returns how many calls have failed in a row, in all classes.
    #[must_use]
    pub fn failures_in_a_row(&self) -> u32 {
        self.row.map_or(0, |(count, _)| count)
    }

    fn each(&mut self, work: impl Fn(&mut Class) -> Option<Change>) -> Moves {
        self.classes.iter_mut().enumerate().filter_map(|(place, class)| Some((place, work(class)?))).collect()
    }
}
