//! The rules of a saga, without any I/O: a state and an input make the next state, lines for the
//! history, and at most one thing to do.
//!
//! ```text
//! start ─▶ running ──last step done──▶ completed ──close──▶ closed
//!             │                            │
//!   refused, timed out, deadline, cancel   │ cancel
//!             ▼                            ▼
//!         compensating ──first step undone──▶ compensated
//!             │ ▲
//!  12 attempts│ │retry, settle (then it ends settled), a late reply
//!             ▼ │
//!        needs_attention
//! ```
//!
//! A saga waits for one thing at a time, so that its place says everything: steps before it are
//! done, later ones are not. Turning back begins with the step in flight when nobody knows whether
//! it is done, and with the one before it when it surely is not.

mod input;
mod schedule;
mod state;

use chrono::{DateTime, TimeDelta, Utc};
use contracts::command::Direction::{self, Backward, Forward};
use contracts::rest::sagas::{SagaEvent, SagaStatus};
pub use input::{Input, Next, Refusal, Reply};
pub use schedule::{ATTEMPTS, pause};
pub use state::{Cause, Note, Place, Shape, Stage, State, Wait};
use std::time::Duration;

/// A transition under way.
struct Machine<'a> {
    shape: &'a Shape,
    now: DateTime<Utc>,
    state: State,
    notes: Vec<Note>,
}

/// What a transition comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The state to be stored.
    pub state: State,
    /// The lines for the history, in order.
    pub notes: Vec<Note>,
    /// What to do in the same transaction.
    pub next: Next,
}

/// Starts a saga that turns back by itself after `limit`.
#[must_use]
pub fn start(shape: &Shape, now: DateTime<Utc>, limit: Duration) -> Move {
    let deadline = now + span(limit);
    let state = State { status: SagaStatus::Running, wait: None, due: None, deadline, cause: None, settled: false };
    let mut machine = Machine { shape, now, state, notes: vec![Note::new(SagaEvent::Started)] };
    let next = machine.forward(0);
    machine.end(next)
}

/// What becomes of `state` by `input`.
pub fn advance(shape: &Shape, state: State, input: Input, now: DateTime<Utc>) -> Result<Move, Refusal> {
    let mut machine = Machine { shape, now, state, notes: Vec::new() };
    let next = match input {
        Input::Replied { step, direction, attempt, reply } => machine.replied((step, direction, attempt), reply)?,
        Input::Ran(reply) => machine.ran(reply)?,
        Input::Failed { error } => machine.failed(error)?,
        Input::Due { anew } => machine.due(anew)?,
        Input::Cancel { by, reason } => machine.cancel(by, reason)?,
        Input::Retry { by, reason } => machine.retry(by, reason)?,
        Input::Settle { by, reason } => machine.settle(by, reason)?,
        Input::Close => machine.close()?,
    };
    Ok(machine.end(next))
}

/// Restarts the clock of a step whose time ran out while no reply could arrive: `anew` is from when on replies could. The
/// saga's deadline moves by the same time.
pub fn renewed(shape: &Shape, state: State, anew: DateTime<Utc>, now: DateTime<Utc>) -> State {
    let mut machine = Machine { shape, now, state, notes: Vec::new() };
    machine.renew(anew);
    machine.state
}

impl Machine<'_> {
    fn end(self, next: Next) -> Move {
        Move { state: self.state, notes: self.notes, next }
    }

    fn replied(&mut self, to: (usize, Direction, u32), reply: Reply) -> Result<Next, Refusal> {
        let awaited = self.state.wait.filter(|wait| (wait.step, wait.direction, wait.attempt) == to);
        let wait = awaited.ok_or(Refusal::Absorbed)?;
        if self.shape.place(wait.step, wait.direction) != Some(Place::Remote) {
            return Err(Refusal::Absorbed);
        }
        match reply {
            Reply::Done => Ok(self.succeeded(wait, SagaEvent::Answered)),
            // An operator knows already; saying it again changes nothing.
            Reply::Refused { .. } if self.state.status == SagaStatus::NeedsAttention => Err(Refusal::Absorbed),
            Reply::Refused { code, message } => Ok(self.refused(wait, code, message)),
        }
    }

    fn ran(&mut self, reply: Reply) -> Result<Next, Refusal> {
        let wait = self.state.wait.ok_or(Refusal::Ended)?;
        Ok(match reply {
            Reply::Done => self.succeeded(wait, SagaEvent::Done),
            Reply::Refused { code, message } => self.refused(wait, code, message),
        })
    }

    fn succeeded(&mut self, wait: Wait, event: SagaEvent) -> Next {
        if wait.direction == Backward {
            self.notes.push(Note::at(SagaEvent::Undone, &wait));
            return self.backward(wait.step.checked_sub(1));
        }
        self.notes.push(Note::at(event, &wait));
        if self.now >= self.state.deadline && !self.shape.passed(wait.step) {
            return self.turn_back(Some(wait.step), self.too_late(&wait));
        }
        self.forward(wait.step + 1)
    }

    fn refused(&mut self, wait: Wait, code: String, message: String) -> Next {
        self.notes.push(Note::at(SagaEvent::Refused, &wait).code(&code).message(&message));
        // Behind the pivot there is no way back, and a compensation must not be left out.
        let behind = self.shape.pivot.is_some_and(|pivot| wait.step > pivot);
        if wait.direction == Backward || behind {
            return self.call_for_attention(wait, None);
        }
        let step = Some(self.shape.stages[wait.step].name.to_owned());
        self.turn_back(wait.step.checked_sub(1), Cause { code, message, step, by: None })
    }

    /// A local step failed and was rolled back: it is surely not done.
    fn failed(&mut self, error: String) -> Result<Next, Refusal> {
        let wait = self.state.wait.ok_or(Refusal::Ended)?;
        self.notes.push(Note::at(SagaEvent::Failed, &wait).message(&error));
        let patient = wait.direction == Backward || self.shape.committed(wait.step);
        let tries = if patient { ATTEMPTS } else { self.shape.stages[wait.step].tries };
        let again = self.now + span(pause(wait.used()));
        if wait.used() < tries {
            self.state.due = Some(self.no_later_than_deadline(&wait, again));
            return Ok(Next::Rest);
        }
        if patient {
            let due = (wait.direction == Forward).then_some(again);
            return Ok(self.call_for_attention(wait, due));
        }
        let step = Some(self.shape.stages[wait.step].name.to_owned());
        let cause = Cause { code: Cause::FAILED.into(), message: error, step, by: None };
        Ok(self.turn_back(wait.step.checked_sub(1), cause))
    }

    /// Gives what the saga waits for its full time anew, if that is over and could not be used before `anew`. The saga
    /// could not use it either, so its deadline shifts alike. Tells whether there is time left then.
    fn renew(&mut self, anew: DateTime<Utc>) -> bool {
        let overdue = self.state.wait.zip(self.state.due).filter(|(_, due)| *due <= self.now);
        let Some((wait, due)) = overdue else { return false };
        let later = match self.shape.place(wait.step, wait.direction) {
            Some(Place::Local) => self.now + span(pause(wait.used())),
            _ => anew + span(self.shape.stages[wait.step].timeout),
        };
        let is_later = later > self.now;
        if is_later {
            self.state.deadline += later - due;
            self.state.due = Some(later);
        }
        is_later
    }

    fn due(&mut self, anew: Option<DateTime<Utc>>) -> Result<Next, Refusal> {
        let wait = self.state.wait.ok_or(Refusal::NotDue)?;
        self.state.due.filter(|due| *due <= self.now).ok_or(Refusal::NotDue)?;
        let is_renewed = anew.is_some_and(|anew| self.renew(anew));
        let local = self.shape.place(wait.step, wait.direction) == Some(Place::Local);
        if is_renewed && !local {
            return Ok(Next::Rest);
        }
        let patient = wait.direction == Backward || self.shape.committed(wait.step);
        if !patient && self.now >= self.state.deadline {
            let cause = self.too_late(&wait);
            return Ok(self.turn_back(self.undone_from(&wait), cause));
        }
        if !local {
            self.notes.push(Note::at(SagaEvent::TimedOut, &wait));
        }
        if patient && wait.used() >= ATTEMPTS {
            let next = self.call_for_attention(wait, None);
            // Forward there is no other way: it is tried on while the operator is on the way.
            return Ok(if wait.direction == Forward { self.again(wait) } else { next });
        }
        if !patient && wait.used() >= self.shape.stages[wait.step].tries {
            let name = self.shape.stages[wait.step].name;
            let message = format!("{name} was not answered in {} attempts", wait.used());
            let cause = Cause { code: Cause::TIMEOUT.into(), message, step: Some(name.into()), by: None };
            return Ok(self.turn_back(self.undone_from(&wait), cause));
        }
        Ok(self.again(wait))
    }

    fn cancel(&mut self, by: String, reason: String) -> Result<Next, Refusal> {
        let from = match (self.state.status, self.state.wait) {
            (SagaStatus::Running, Some(wait)) if !self.shape.committed(wait.step) => self.undone_from(&wait),
            (SagaStatus::Completed, _) if self.shape.pivot.is_none() => self.shape.stages.len().checked_sub(1),
            (SagaStatus::Compensating, _) => return Err(Refusal::UnderWay),
            (SagaStatus::NeedsAttention, Some(wait)) if wait.direction == Backward => return Err(Refusal::UnderWay),
            (SagaStatus::Closed, _) => return Err(Refusal::Closed),
            (SagaStatus::Compensated | SagaStatus::Settled, _) => return Err(Refusal::Ended),
            _ => return Err(Refusal::PastPivot),
        };
        let step = self.state.wait.map(|wait| self.shape.stages[wait.step].name.to_owned());
        let cause = Cause { code: Cause::CANCELLED.into(), message: reason, step, by: Some(by) };
        Ok(self.turn_back(from, cause))
    }

    fn retry(&mut self, by: String, reason: String) -> Result<Next, Refusal> {
        let wait = self.state.wait.ok_or(Refusal::NothingToRetry)?;
        if wait.direction == Forward && !self.shape.committed(wait.step) {
            return Err(Refusal::NothingToRetry);
        }
        self.notes.push(Note::at(SagaEvent::Retried, &wait).by(by).message(reason));
        self.state.status = status(wait.direction);
        Ok(self.again(Wait { counted_from: wait.attempt + 1, ..wait }))
    }

    fn settle(&mut self, by: String, reason: String) -> Result<Next, Refusal> {
        let wait = self.state.wait.filter(|_| self.state.status == SagaStatus::NeedsAttention);
        let wait = wait.ok_or(Refusal::NothingToSettle)?;
        self.notes.push(Note::at(SagaEvent::Settled, &wait).by(by).message(reason));
        self.state.settled = true;
        Ok(match wait.direction {
            Forward => self.forward(wait.step + 1),
            Backward => self.backward(wait.step.checked_sub(1)),
        })
    }

    fn close(&mut self) -> Result<Next, Refusal> {
        match self.state.status {
            SagaStatus::Completed => {
                self.state.status = SagaStatus::Closed;
                self.notes.push(Note::new(SagaEvent::Closed));
                Ok(Next::Rest)
            }
            SagaStatus::Closed => Err(Refusal::Closed),
            _ => Err(Refusal::NotCompleted),
        }
    }

    /// Goes on with `step`, or ends well.
    fn forward(&mut self, step: usize) -> Next {
        self.state.status = SagaStatus::Running;
        let Some(stage) = self.shape.stages.get(step) else {
            self.notes.push(Note::new(SagaEvent::Completed));
            return self.finish(SagaStatus::Completed);
        };
        let wait = self.first(step, Forward);
        if stage.place == Place::Begun {
            self.notes.push(Note::at(SagaEvent::Done, &wait));
            return self.forward(step + 1);
        }
        self.attempt(wait)
    }

    /// Turns back: the last step to be undone is `from`.
    fn turn_back(&mut self, from: Option<usize>, cause: Cause) -> Next {
        let mut note = Note::new(SagaEvent::TurnedBack).code(&cause.code).message(&cause.message);
        (note.by, note.step) = (cause.by.clone(), self.state.wait.map(|wait| wait.step));
        self.notes.push(note);
        self.state.cause = Some(cause);
        self.backward(from)
    }

    /// Undoes `step`, or the next one before it that has something to undo, or ends.
    fn backward(&mut self, step: Option<usize>) -> Next {
        self.state.status = SagaStatus::Compensating;
        let undoable = |step: &usize| self.shape.stages[*step].undo.is_some();
        let Some(step) = step.and_then(|step| (0..=step).rev().find(undoable)) else {
            self.notes.push(Note::new(SagaEvent::Compensated));
            return self.finish(SagaStatus::Compensated);
        };
        let wait = self.first(step, Backward);
        self.attempt(wait)
    }

    fn finish(&mut self, status: SagaStatus) -> Next {
        self.state.status = if self.state.settled { SagaStatus::Settled } else { status };
        (self.state.wait, self.state.due) = (None, None);
        Next::Rest
    }

    fn call_for_attention(&mut self, wait: Wait, due: Option<DateTime<Utc>>) -> Next {
        if self.state.status != SagaStatus::NeedsAttention {
            self.notes.push(Note::at(SagaEvent::NeedsAttention, &wait));
        }
        self.state.status = SagaStatus::NeedsAttention;
        self.state.due = due;
        Next::Rest
    }

    fn first(&self, step: usize, direction: Direction) -> Wait {
        Wait { step, direction, attempt: 1, counted_from: 1, since: self.now }
    }

    fn again(&mut self, wait: Wait) -> Next {
        self.attempt(Wait { attempt: wait.attempt + 1, ..wait })
    }

    /// Makes an attempt, and says until when it may take.
    fn attempt(&mut self, wait: Wait) -> Next {
        self.state.wait = Some(wait);
        if self.shape.place(wait.step, wait.direction) == Some(Place::Local) {
            self.state.due = None;
            return Next::Run;
        }
        self.notes.push(Note::at(SagaEvent::Sent, &wait));
        let timeout = self.shape.stages[wait.step].timeout;
        let patient = wait.direction == Backward || self.shape.committed(wait.step);
        let limit = if patient { timeout.max(pause(wait.used())) } else { timeout };
        self.state.due = Some(self.no_later_than_deadline(&wait, self.now + span(limit)));
        Next::Send
    }

    fn no_later_than_deadline(&self, wait: &Wait, moment: DateTime<Utc>) -> DateTime<Utc> {
        let bound = wait.direction == Forward && !self.shape.committed(wait.step);
        if bound { moment.min(self.state.deadline) } else { moment }
    }

    /// Where turning back from `wait` begins: a remote step may be done, a local one is not.
    fn undone_from(&self, wait: &Wait) -> Option<usize> {
        match self.shape.stages[wait.step].place {
            Place::Remote => Some(wait.step),
            Place::Local | Place::Begun => wait.step.checked_sub(1),
        }
    }

    fn too_late(&self, wait: &Wait) -> Cause {
        let step = self.shape.stages[wait.step].name;
        let message = format!("the deadline passed at {step}");
        Cause { code: Cause::DEADLINE.into(), message, step: Some(step.into()), by: None }
    }
}

fn status(direction: Direction) -> SagaStatus {
    match direction {
        Forward => SagaStatus::Running,
        Backward => SagaStatus::Compensating,
    }
}

fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(365))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
