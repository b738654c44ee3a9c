//! One transition, within one transaction: what the machine says is carried out and stored.

use crate::{
    engine::Engine,
    error::{Error, Stumble},
    flow::{Errand, Flow},
    machine::{self, Input, Move, Next, Refusal, Reply, State, Wait},
    step::Verdict,
    store::{self, Lock, Record},
    story::Story,
};
use chassis::{
    failpoint,
    messaging::{Outgoing, outbox},
};
use chrono::{DateTime, Utc};
use contracts::command::{Direction, Outcome, Replied, StepRef};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// How many local steps of one transition may fail, one after the other, before it is given up for now.
const STUMBLES: usize = 4;

/// What moves a saga, as it comes from outside.
#[derive(Debug, Clone)]
pub(crate) enum Impulse {
    /// A participant replied.
    Reply(Replied),
    /// Anything else.
    Input(Input),
}

impl From<Input> for Impulse {
    fn from(input: Input) -> Self {
        Self::Input(input)
    }
}

/// A transition under way.
pub(crate) struct Transition<'a> {
    engine: &'a Engine,
    flow: &'a dyn Flow,
    record: Record,
    now: DateTime<Utc>,
    /// The local step that failed when this was tried before: it is not run again now.
    stumble: Option<Stumble>,
    knows_more: bool,
}

impl<'a> Transition<'a> {
    pub(crate) fn new(engine: &'a Engine, flow: &'a dyn Flow, record: Record, now: DateTime<Utc>) -> Self {
        Self { engine, flow, record, now, stumble: None, knows_more: false }
    }

    /// Goes on with a saga that is not stored yet, and stores it.
    pub(crate) async fn start(mut self, connection: &mut PgConnection, step: Move) -> Result<Story, Error> {
        let (step, message) = self.carry_out(connection, step).await?;
        let story = Story::new(&self.record, None, &step, self.now);
        self.record.put(step.state, self.flow.shape(), self.now);
        store::insert(connection, &self.record, &step.notes, self.flow.shape()).await?;
        failpoint!("saga.start.after_row");
        self.send(connection, message).await?;
        Ok(story)
    }

    /// Moves a saga on by `impulse`, and stores where it stands then.
    pub(crate) async fn advance(mut self, connection: &mut PgConnection, impulse: &Impulse) -> Result<Story, Error> {
        let state = self.record.state(self.flow.shape())?;
        let waited = state.wait;
        let step = self.first_move(state, impulse)?;
        let (step, message) = self.carry_out(connection, step).await?;
        let story = Story::new(&self.record, waited, &step, self.now);
        self.record.put(step.state, self.flow.shape(), self.now);
        store::save(connection, &self.record, self.knows_more, &step.notes, self.flow.shape()).await?;
        failpoint!("saga.step.after_row");
        self.send(connection, message).await?;
        Ok(story)
    }

    fn first_move(&mut self, state: State, impulse: &Impulse) -> Result<Move, Error> {
        let shape = self.flow.shape();
        let replied = match impulse {
            Impulse::Input(input) => return Ok(machine::advance(shape, state, input.clone(), self.now)?),
            Impulse::Reply(replied) => replied,
        };
        let StepRef { step, direction, attempt, .. } = &replied.step;
        let known = shape.stages.iter().position(|stage| stage.name == step);
        let step = known.ok_or(Refusal::Absorbed)?;
        let (reply, answer) = match &replied.outcome {
            Outcome::Done { answer } => (Reply::Done, answer.clone()),
            Outcome::Refused { code, message } => {
                (Reply::Refused { code: code.clone(), message: message.clone() }, Value::Null)
            }
        };
        let learns = reply == Reply::Done && *direction == Direction::Forward;
        let input = Input::Replied { step, direction: *direction, attempt: *attempt, reply };
        let step_taken = machine::advance(shape, state, input, self.now)?;
        if learns {
            let learnt = self.flow.learn(step, &mut self.record.data, answer).map_err(Error::Answer)?;
            self.knows_more |= learnt;
        }
        Ok(step_taken)
    }

    /// Runs the local steps that come now; says where the saga stands then, and what it sends.
    async fn carry_out(
        &mut self,
        connection: &mut PgConnection,
        mut step: Move,
    ) -> Result<(Move, Option<Outgoing>), Error> {
        loop {
            let Some(wait) = step.state.wait else { return Ok((step, None)) };
            match step.next {
                Next::Rest => return Ok((step, None)),
                Next::Send => {
                    let message = self.flow.command(wait.step, self.reference(&wait), &self.record.data)?;
                    return Ok((step, Some(message)));
                }
                Next::Run => {
                    let input = self.run(connection, &wait, &step.state).await?;
                    failpoint!("saga.step.after_local");
                    let then = machine::advance(self.flow.shape(), step.state, input, self.now)?;
                    let notes = step.notes.into_iter().chain(then.notes).collect();
                    step = Move { notes, ..then };
                }
            }
        }
    }

    async fn run(&mut self, connection: &mut PgConnection, wait: &Wait, state: &State) -> Result<Input, Error> {
        let stumbled = self.stumble.take_if(|stumble| (stumble.step, stumble.direction) == (wait.step, wait.direction));
        if let Some(Stumble { error, .. }) = stumbled {
            return Ok(Input::Failed { error: format!("{error:#}") });
        }
        let Record { id, subject, data, .. } = &mut self.record;
        let errand = Errand { connection, saga_id: *id, subject, data, cause: state.cause.as_ref() };
        let name = self.flow.shape().stages[wait.step].name;
        let (step, direction) = (wait.step, wait.direction);
        let ran = self.flow.run(step, direction, errand).await;
        let verdict = ran.map_err(|error| Error::Stumbled(Stumble { step, direction, name, error }))?;
        self.knows_more = true;
        Ok(Input::Ran(match verdict {
            Verdict::Done => Reply::Done,
            Verdict::Refused { code, message } => Reply::Refused { code, message },
        }))
    }

    async fn send(&self, connection: &mut PgConnection, message: Option<Outgoing>) -> Result<(), Error> {
        if let Some(message) = message {
            outbox::postgres::enqueue(connection, message).await?;
            failpoint!("saga.step.after_outbox");
        }
        Ok(())
    }

    fn reference(&self, wait: &Wait) -> StepRef {
        StepRef {
            saga_id: self.record.id,
            step: self.flow.shape().stages[wait.step].name.to_owned(),
            direction: wait.direction,
            attempt: wait.attempt,
            reply_to: self.engine.reply_to(),
        }
    }
}

impl Engine {
    /// Moves a saga on in a transaction of its own. A local step that fails is rolled back, with all
    /// else; then the transition is made without it, and the saga waits to try it again.
    pub(crate) async fn transact(&self, id: Uuid, impulse: &Impulse, lock: Lock) -> Result<(), Error> {
        let mut stumble = None;
        for _ in 0..STUMBLES {
            match self.attempt(id, impulse, lock, stumble.take()).await {
                Ok(story) => {
                    story.tell();
                    return Ok(());
                }
                Err(Error::Stumbled(at)) if !at.is_passing() => {
                    tracing::warn!(saga.id = %id, saga.step = at.name, error = format!("{:#}", at.error), "A local step of a saga failed and was rolled back.");
                    stumble = Some(at);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Internal(anyhow::anyhow!("the local steps of the saga fail in turn")))
    }

    async fn attempt(&self, id: Uuid, impulse: &Impulse, lock: Lock, stumble: Option<Stumble>) -> Result<Story, Error> {
        let mut transaction = self.pool.begin().await?;
        let record = store::lock(&mut transaction, id, lock).await?.ok_or(Error::NotFound)?;
        let flow = self.flow(&record.kind)?;
        let transition = Transition { stumble, ..Transition::new(self, flow, record, Utc::now()) };
        let story = transition.advance(&mut transaction, impulse).await?;
        outbox::postgres::commit(transaction).await?;
        failpoint!("saga.step.after_commit");
        Ok(story)
    }
}
