//! One transition of one saga: what the machine says becomes of it.

use crate::error::{Error, StepFailure};
use crate::flow::Flow;
use crate::machine::{self, Input, Move, Next, Refusal, Reply, State, Wait};
use crate::step::Member;
use crate::store::{Change, Record};
use crate::transition_log::TransitionLog;
use crate::unit::Unit;
use chassis::Scope;
use chrono::{DateTime, Utc};
use contracts::command::{Direction, Outcome, Replied, StepRef};
use messaging::Outgoing;
use serde_json::Value;
use std::mem;
use std::sync::Arc;

/// What moves a saga, as it comes from outside.
#[derive(Debug, Clone)]
pub(crate) enum Trigger {
    /// A participant replied.
    Reply(Replied),
    /// Its time has come.
    Due {
        /// Since when replies can come, if they can.
        reached: Option<DateTime<Utc>>,
        /// Whether its command is still in the outbox.
        unpublished: bool,
    },
    /// Anything else.
    Input(Input),
}

impl From<Input> for Trigger {
    fn from(input: Input) -> Self {
        Self::Input(input)
    }
}

/// A transition under way.
pub(crate) struct Transition {
    flow: Arc<dyn Flow>,
    record: Record,
    now: DateTime<Utc>,
    /// On whose behalf it is made.
    scope: Scope,
    reply_to: String,
    /// What the saga waited for before.
    waited: Option<Wait>,
    /// What the machine has said so far.
    step: Move,
    /// The local step that failed when this was tried before: it is not run again now.
    failure: Option<StepFailure>,
}

/// A local step that comes now, of a kind of saga.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Task {
    kind: &'static str,
    pub(crate) step: usize,
    pub(crate) direction: Direction,
}

/// A saga that was moved, and what is to be stored, sent and told of it.
pub(crate) struct Moved {
    pub(crate) change: Change,
    pub(crate) message: Option<Outgoing>,
    /// On whose behalf it is told of.
    pub(crate) scope: Scope,
    pub(crate) log: TransitionLog,
}

impl Transition {
    /// The first one of a saga that is not stored yet, on behalf of the current request or message.
    pub(crate) fn first(unit: &Unit, flow: Arc<dyn Flow>, record: Record, step: Move) -> Self {
        let (now, scope, reply_to) = (record.started_at, Scope::current(), unit.reply_to());
        Self { flow, record, now, scope, reply_to, waited: None, step, failure: None }
    }

    /// The one of a stored saga by `trigger`, on behalf of the current request or message.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing becomes of it; [`Error::Answer`].
    pub(crate) fn by(unit: &Unit, mut record: Record, trigger: &Trigger) -> Result<Self, Error> {
        let (flow, now) = (unit.flow(&record.kind)?, Utc::now());
        let state = record.state(flow.shape())?;
        let waited = state.wait;
        let step = match trigger {
            Trigger::Input(input) => machine::advance(flow.shape(), state, input.clone(), now)?,
            Trigger::Due { reached, unpublished } => {
                let anew = match reached {
                    Some(since) if !unpublished => Some(*since).filter(|since| *since > record.updated_at),
                    _ => Some(now),
                };
                machine::advance(flow.shape(), state, Input::Due { anew }, now)?
            }
            Trigger::Reply(replied) => {
                let anew = match unit.reached() {
                    Some(since) => Some(since).filter(|since| *since > record.updated_at),
                    None => Some(now),
                };
                let state = anew.map_or(state.clone(), |anew| machine::renewed(flow.shape(), state, anew, now));
                answered(&*flow, &mut record, state, replied, now)?
            }
        };
        Ok(Self { now, waited, ..Self::first(unit, flow, record, step) })
    }

    /// Leaves out the local step that failed when this was tried before.
    pub(crate) fn after(self, failure: Option<StepFailure>) -> Self {
        Self { failure, ..self }
    }

    pub(crate) fn flow(&self) -> Arc<dyn Flow> {
        Arc::clone(&self.flow)
    }

    /// The local step that comes now, if one does.
    pub(crate) fn task(&self) -> Option<Task> {
        let wait = self.step.state.wait.filter(|_| self.step.next == Next::Run)?;
        Some(Task { kind: self.flow.kind(), step: wait.step, direction: wait.direction })
    }

    /// Takes what went wrong with the local step that comes now, if it is left out.
    pub(crate) fn failed(&mut self) -> Option<StepFailure> {
        let Task { step, direction, .. } = self.task()?;
        self.failure.take_if(|failure| (failure.step, failure.direction) == (step, direction))
    }

    /// What its local step works with.
    pub(crate) fn member(&mut self) -> Member<'_, Value> {
        let Record { id, subject, data, .. } = &mut self.record;
        Member { saga_id: *id, subject, data, cause: self.step.state.cause.as_ref(), scope: &self.scope }
    }

    /// Goes on with what came of its local step.
    pub(crate) fn go_on(&mut self, input: Input) -> Result<(), Refusal> {
        let then = machine::advance(self.flow.shape(), self.step.state.clone(), input, self.now)?;
        let notes = mem::take(&mut self.step.notes).into_iter().chain(then.notes).collect();
        self.step = Move { notes, ..then };
        Ok(())
    }

    /// Says where the saga stands then, and what it sends.
    pub(crate) async fn end(mut self) -> Result<Moved, Error> {
        let waiting = self.step.state.wait.filter(|_| self.step.next == Next::Send);
        let message = waiting.map(|wait| self.flow.command(wait.step, self.reference(&wait), &self.record.data));
        let message = match message.transpose()? {
            Some(message) => Some(self.scope.run(async { message.with_origin() }).await),
            None => None,
        };
        if self.step.next == Next::Send || self.step.state.wait.is_none() {
            self.record.command_id = message.as_ref().map(|message| message.envelope.id);
        }
        let log = TransitionLog::new(&self.record, self.waited, &self.step, self.now);
        self.record.put(self.step.state, self.flow.shape(), self.now);
        let change = Change::new(self.record, &self.step.notes, self.flow.shape());
        Ok(Moved { change, message, scope: self.scope, log })
    }

    fn reference(&self, wait: &Wait) -> StepRef {
        StepRef {
            saga_id: self.record.id,
            step: self.flow.shape().stages[wait.step].name.to_owned(),
            direction: wait.direction,
            attempt: wait.attempt,
            reply_to: self.reply_to.clone(),
        }
    }
}

/// What becomes of a saga by a reply, which it learns from.
fn answered(
    flow: &dyn Flow,
    record: &mut Record,
    state: State,
    replied: &Replied,
    now: DateTime<Utc>,
) -> Result<Move, Error> {
    let StepRef { step, direction, attempt, .. } = &replied.step;
    let known = flow.shape().stages.iter().position(|stage| stage.name == step);
    let step = known.ok_or(Refusal::Absorbed)?;
    let (reply, answer) = match &replied.outcome {
        Outcome::Done { answer } => (Reply::Done, answer.clone()),
        Outcome::Refused { code, message } => {
            (Reply::Refused { code: code.clone(), message: message.clone() }, Value::Null)
        }
    };
    let learns = reply == Reply::Done && *direction == Direction::Forward;
    let input = Input::Replied { step, direction: *direction, attempt: *attempt, reply };
    let step_taken = machine::advance(flow.shape(), state, input, now)?;
    if learns {
        flow.learn(step, &mut record.data, answer).map_err(Error::Answer)?;
    }
    Ok(step_taken)
}
