//! A breaker shared between tasks, and the permits it hands out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::journal::Journal;
use crate::machine::{Change, Machine, Refused, Ticket};
use crate::metrics;
use crate::settings::Settings;
use crate::state::{Force, Outcome, Snapshot, State};

/// A breaker that many tasks call through. Clones are the same breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: Arc<str>,
    machine: Mutex<Machine>,
    journal: Arc<Journal>,
    /// Tells the registry's timer that a deadline may have changed.
    rearm: Arc<Notify>,
    calls: metrics::Calls,
}

impl Breaker {
    pub(crate) fn new(name: &str, settings: Settings, journal: Arc<Journal>, rearm: Arc<Notify>) -> Self {
        let machine = Mutex::new(Machine::new(settings, Instant::now(), rand::random()));
        metrics::show_state(name, State::Closed, false);
        let inner = Inner { name: Arc::from(name), machine, journal, rearm, calls: metrics::Calls::of(name) };
        Self { inner: Arc::new(inner) }
    }

    /// Returns the breaker's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Asks to make a call, whose end is then told to the permit.
    ///
    /// # Errors
    /// Refuses while open, and while half-open once the permits are out.
    pub fn acquire(&self) -> Result<Permit, Refused> {
        let started = Instant::now();
        match self.inner.machine.lock().admit(started) {
            Ok(ticket) => Ok(Permit { breaker: self.clone(), started, ticket: Some(ticket) }),
            Err(refused) => {
                self.inner.calls.refused.increment(1);
                Err(refused)
            }
        }
    }

    /// Takes note of something learnt outside any permit, such as a body that broke off after its call was counted.
    pub fn record(&self, outcome: Outcome) {
        self.inner.calls.count(outcome);
        self.change(|machine, now| machine.record(now, outcome, Duration::ZERO));
    }

    /// Holds the breaker open or closed for as long as the order says.
    pub fn force(&self, force: Force) {
        self.change(|machine, now| Some(machine.force(now, force)));
    }

    /// Closes the breaker and forgets everything, forces included.
    pub fn reset(&self, reason: impl Into<String>) {
        self.change(|machine, _| Some(machine.reset(reason.into())));
    }

    /// Lets trial calls through at once. Returns false, and changes nothing, unless the breaker is open of its own
    /// accord.
    pub fn probe(&self, reason: impl Into<String>) -> bool {
        self.change(|machine, _| machine.probe(reason.into()))
    }

    /// Returns the state that calls meet.
    #[must_use]
    pub fn state(&self) -> State {
        self.inner.machine.lock().state()
    }

    /// Describes the breaker as it stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.inner.machine.lock().snapshot(Instant::now())
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.inner.machine.lock().deadline()
    }

    pub(crate) fn tick(&self) {
        self.change(Machine::tick);
    }

    fn finish(&self, ticket: Ticket, started: Instant, outcome: Outcome) {
        self.inner.calls.count(outcome);
        self.change(|machine, now| machine.finish(now, ticket, outcome, now.saturating_duration_since(started)));
    }

    /// Works on the machine and tells everyone if it moved. The journal and the gauges are written under the
    /// machine's lock: told outside it, two moves could be told in the wrong order.
    fn change(&self, work: impl FnOnce(&mut Machine, Instant) -> Option<Change>) -> bool {
        let mut machine = self.inner.machine.lock();
        let Some(change) = work(&mut machine, Instant::now()) else {
            return false;
        };
        let forced = machine.snapshot(Instant::now()).force.is_some();
        metrics::show_state(&self.inner.name, change.to, forced);
        metrics::count_transition(&self.inner.name, &change);
        self.inner.journal.append(&self.inner.name, change);
        self.inner.rearm.notify_one();
        true
    }
}

/// The right to make one call. Dropped without a word (the caller went away, the task panicked) it counts as
/// neutral and is given back.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once says nothing about the call"]
pub struct Permit {
    breaker: Breaker,
    started: Instant,
    ticket: Option<Ticket>,
}

impl Permit {
    /// Says how the call ended. Its time is counted from when the permit was given.
    pub fn finish(mut self, outcome: Outcome) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.finish(ticket, self.started, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.finish(ticket, self.started, Outcome::Neutral);
        }
    }
}
