//! What a transition is told of in the log and the metrics, once it has committed.

use crate::machine::{Cause, Move, Note, Wait};
use crate::metrics;
use crate::store::Record;
use chrono::{DateTime, Utc};
use contracts::command::Direction;
use contracts::rest::sagas::{SagaEvent, SagaStatus};
use uuid::Uuid;

/// What happened to one saga in one transition.
#[derive(Debug)]
pub(crate) struct TransitionLog {
    id: Uuid,
    kind: String,
    subject: String,
    status: SagaStatus,
    notes: Vec<Note>,
    /// What the saga waited for before.
    waited: Option<Wait>,
    step: Option<String>,
    started_at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl TransitionLog {
    /// Tells of the transition from `before`, which waited for `waited`, by `step`.
    pub(crate) fn new(before: &Record, waited: Option<Wait>, step: &Move, now: DateTime<Utc>) -> Self {
        Self {
            id: before.id,
            kind: before.kind.clone(),
            subject: before.subject.clone(),
            status: step.state.status,
            notes: step.notes.clone(),
            waited,
            step: before.wait.as_ref().map(|wait| wait.step.clone()),
            started_at: before.started_at,
            now,
        }
    }

    /// Writes log lines and counts.
    pub(crate) fn tell(&self) {
        for note in &self.notes {
            self.count(note);
            self.log(note);
        }
    }

    fn count(&self, note: &Note) {
        let kind = || self.kind.clone();
        match note.event {
            SagaEvent::Started => ::metrics::counter!(metrics::STARTED, "kind" => kind()).increment(1),
            SagaEvent::Answered | SagaEvent::Undone => self.time_step(note),
            SagaEvent::TimedOut => {
                let (step, direction) = (self.step.clone().unwrap_or_default(), name(note.direction));
                ::metrics::counter!(metrics::TIMED_OUT, "kind" => kind(), "step" => step, "direction" => direction)
                    .increment(1);
            }
            SagaEvent::TurnedBack => {
                ::metrics::counter!(metrics::TURNED_BACK, "kind" => kind(), "code" => code(note)).increment(1);
            }
            SagaEvent::NeedsAttention => ::metrics::counter!(metrics::CALLED, "kind" => kind()).increment(1),
            SagaEvent::Completed | SagaEvent::Compensated => {
                let (status, took) = (self.status.into_str(), (self.now - self.started_at).as_seconds_f64());
                ::metrics::counter!(metrics::ENDED, "kind" => kind(), "status" => status).increment(1);
                ::metrics::histogram!(metrics::SAGA_SECONDS, "kind" => kind(), "status" => status).record(took);
            }
            _ => {}
        }
    }

    /// Local steps take no time between transitions: only what was waited for is measured.
    fn time_step(&self, note: &Note) {
        let waited = self.waited.filter(|wait| (Some(wait.step), Some(wait.direction)) == (note.step, note.direction));
        let Some((wait, step)) = waited.zip(self.step.clone()) else { return };
        let took = (self.now - wait.since).as_seconds_f64();
        ::metrics::histogram!(metrics::STEP_SECONDS, "kind" => self.kind.clone(), "step" => step, "direction" => name(note.direction))
            .record(took);
    }

    fn log(&self, note: &Note) {
        let (id, kind, subject) = (self.id, &*self.kind, &*self.subject);
        // Messages stay out: they hold what people wrote about people, and a log cannot be erased.
        let (code, step, by) = (note.code.as_deref(), self.step.as_deref(), note.by.as_deref());
        match note.event {
            SagaEvent::NeedsAttention => {
                tracing::error!(saga.id = %id, saga.kind = kind, saga.subject = subject, saga.step = step, "A saga needs an operator.");
            }
            SagaEvent::TurnedBack => {
                tracing::info!(saga.id = %id, saga.kind = kind, saga.step = step, saga.code = code, by, "A saga turned back.");
            }
            SagaEvent::TimedOut => {
                tracing::warn!(saga.id = %id, saga.kind = kind, saga.step = step, saga.attempt = note.attempt, "A step of a saga was not answered in time.");
            }
            SagaEvent::Retried => {
                tracing::info!(saga.id = %id, saga.kind = kind, saga.step = step, by, "An operator had a step of a saga tried again.");
            }
            SagaEvent::Settled => {
                tracing::info!(saga.id = %id, saga.kind = kind, saga.step = step, by, "An operator settled a step of a saga.");
            }
            SagaEvent::Completed | SagaEvent::Compensated => {
                let status = self.status.into_str();
                tracing::info!(saga.id = %id, saga.kind = kind, saga.subject = subject, saga.status = status, "A saga has ended.");
            }
            event => {
                tracing::debug!(saga.id = %id, saga.kind = kind, saga.event = event.into_str(), saga.attempt = note.attempt, "A saga has moved on.");
            }
        }
    }
}

fn name(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::Backward) => "backward",
        _ => "forward",
    }
}

/// The engine's own codes; those of participants are too many for a label.
fn code(note: &Note) -> &'static str {
    const OWN: [&str; 4] = [Cause::TIMEOUT, Cause::DEADLINE, Cause::CANCELLED, Cause::FAILED];
    OWN.into_iter().find(|own| note.code.as_deref() == Some(own)).unwrap_or("refused")
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use std::io::{Read as _, pipe};
    use std::sync::Arc;
    use strum::VariantArray;
    use tracing::Level;

    #[test]
    fn what_people_wrote_stays_out_of_the_log() {
        let note = |event| Note {
            event,
            step: None,
            direction: None,
            attempt: None,
            by: Some("an operator".to_owned()),
            code: Some(Cause::CANCELLED.to_owned()),
            message: Some("Teresa is ill".to_owned()),
        };
        let log = TransitionLog {
            id: Uuid::nil(),
            kind: "checkout".to_owned(),
            subject: "an order".to_owned(),
            status: SagaStatus::Settled,
            notes: SagaEvent::VARIANTS.iter().copied().map(note).collect(),
            waited: None,
            step: Some("charge_payment".to_owned()),
            started_at: Utc::now(),
            now: Utc::now(),
        };
        let (mut written, writer) = pipe().unwrap();
        let subscriber = tracing_subscriber::fmt().with_max_level(Level::TRACE).with_writer(Arc::new(writer)).finish();
        tracing::subscriber::with_default(subscriber, || log.tell());
        let mut lines = String::new();
        written.read_to_string(&mut lines).unwrap();
        assert_eq!(lines.lines().count(), SagaEvent::VARIANTS.len());
        assert!(lines.contains("an operator") && !lines.contains("Teresa"), "{lines}");
    }
}
