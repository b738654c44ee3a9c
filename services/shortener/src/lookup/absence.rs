//! Remembers for a moment that an engine did not answer.

use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// For how long an engine that did not answer is not asked again where one can do without.
const PAUSE: Duration = Duration::from_secs(1);

/// When an engine last did not answer.
#[derive(Debug, Default)]
pub(super) struct Absence(Mutex<Option<Instant>>);

impl Absence {
    /// Notes that it did not answer.
    pub(super) fn note(&self) {
        *self.0.lock() = Some(Instant::now());
    }

    /// Whether it did not answer a moment ago.
    pub(super) fn is_noted(&self) -> bool {
        self.0.lock().is_some_and(|at| at.elapsed() < PAUSE)
    }
}
